"""Read a YAML file that people write: plain data, and nothing that two readers could take apart."""

from typing import Any, Final, NoReturn

import yaml

# PyYAML's constructors let their own mishaps out: a month 99, a "!!bool maybe", a number in base 60
# that is past all bounds.
_MISHAPS: Final = (
    *(yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError),
    *(OverflowError, RecursionError),
)


class NotYaml(Exception):
    """Not YAML, or with a key or alias that may not be there. Never quotes the file."""


def load_yaml(text: bytes) -> object:
    """Return what a file says. Raises NotYaml. The caller bounds its size."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, made stricter
    except _MISHAPS:
        # Without the original: its text quotes the file.
        raise NotYaml("not valid YAML, or a key or alias it may not use") from None


class _Loader(yaml.SafeLoader):
    """Load plain data; refuse repeated keys (the last would win silently) and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, which let a small file stand for an enormous one."""
        if self.check_event(yaml.AliasEvent):
            _refuse("aliases are not used here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the library's signature
        """Refuse a key that appears twice."""
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            _refuse("a key appears twice")
        return super().construct_mapping(node, deep)


def _refuse(problem: str) -> NoReturn:
    raise yaml.YAMLError(problem)
