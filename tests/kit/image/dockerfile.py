"""As much of a Dockerfile and a .dockerignore as ours use; anything else is an error."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).parents[3]


class NotUnderstood(Exception):
    """A line uses what this reader doesn't know."""


@dataclass(frozen=True)
class Stage:
    """One FROM and the instructions behind it, in order."""

    name: str
    base: str
    steps: Sequence[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Return the arguments of an instruction, as often as it is there."""
        return [text for name, text in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        """Return the arguments of an instruction that is there once."""
        [text] = self.all(instruction)
        return text


def stages(text: str) -> dict[str, Stage]:
    """Read a Dockerfile; every stage must have a name. Raises NotUnderstood."""
    found: dict[str, Stage] = {}
    steps: list[tuple[str, str]] = []
    for line in _lines(text):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            named = re.fullmatch(r"(\S+) AS (\S+)", rest)
            if named is None:
                raise NotUnderstood(line)
            steps = []
            found[named[2]] = Stage(named[2], named[1], steps)
        else:
            steps.append((instruction, rest.strip()))
    return found


def _lines(text: str) -> Iterator[str]:
    """Yield instructions, each on one line."""
    parts: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        parts.append(line.strip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            yield " ".join(parts)
            parts = []


def words(text: str) -> list[str]:
    """Return what an instruction in exec form says. Raises NotUnderstood for the shell form."""
    if not text.startswith("["):
        raise NotUnderstood(text)
    parsed = json.loads(text)
    return [str(word) for word in parsed]


@dataclass(frozen=True)
class Ignored:
    """A .dockerignore: the last pattern that fits a path, or a directory above it, decides."""

    patterns: Sequence[tuple[bool, re.Pattern[str]]]

    @classmethod
    def read(cls, text: str) -> Ignored:
        """Read the file's lines."""
        lines = [line.strip() for line in text.splitlines()]
        wanted = [line for line in lines if line and not line.startswith("#")]
        return cls(
            [(not line.startswith("!"), _pattern(line.removeprefix("!"))) for line in wanted]
        )

    def __contains__(self, path: PurePosixPath) -> bool:
        ignored = False
        for ignores, pattern in self.patterns:
            if any(pattern.fullmatch(str(each)) for each in (path, *path.parents)):
                ignored = ignores
        return ignored


def _pattern(text: str) -> re.Pattern[str]:
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text.strip("/"))
    return re.compile("".join(special.get(part) or re.escape(part) for part in parts))


def copy_context(stage: Stage, target: Path, ignored: Ignored, root: Path = ROOT) -> list[str]:
    """Copy what a stage's COPY lines name from `root` to `target`; return the files' paths.

    Raises NotUnderstood for options. A source that is ignored, or isn't there, is an error, as it
    is in a build.
    """
    copied: list[str] = []
    for text in stage.all("COPY"):
        *sources, to = text.split()
        if any(word.startswith("--") for word in sources):
            raise NotUnderstood(text)
        for source in sources:
            files = list(_files(source, ignored, root))
            if not files:
                raise FileNotFoundError(source)
            for file in files:
                inside = file.relative_to(source) if str(file) != source else None
                place = _place(PurePosixPath(to), PurePosixPath(source), inside, to.endswith("/"))
                (target / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / file, target / place)
                copied.append(str(place))
    return copied


def _files(source: str, ignored: Ignored, root: Path) -> Iterator[PurePosixPath]:
    path = root / source
    every = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    for each in every:
        inside = PurePosixPath(each.relative_to(root))
        if inside not in ignored:
            yield inside


def _place(
    to: PurePosixPath, source: PurePosixPath, inside: PurePosixPath | None, into: bool
) -> PurePosixPath:
    """Return where a file goes: a directory's contents to `to`, a file to or into it."""
    if inside is not None:
        return to / inside
    return to / source.name if into else to
