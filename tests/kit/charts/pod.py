"""A rendered pod as directories: what a container would see, for commands that run here.

Each volume becomes a directory with the files of its Secret or ConfigMap; a path inside a
container is the file of the mount that holds it. So a setting that names a path no mount holds is
found, and so is a key of a Secret that nobody mounts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kit.charts.rendering import Manifest, of_kind

Secrets = Mapping[str, Mapping[str, bytes]]
"""Files by key, by the Secret's name."""


class NotMounted(Exception):
    """A path that a container names is in none of its mounts."""


@dataclass(frozen=True)
class Pod:
    """A Deployment's pod under a directory of this machine."""

    manifests: Sequence[Manifest]
    spec: Manifest
    root: Path

    @classmethod
    def made(cls, manifests: Sequence[Manifest], name: str, root: Path, secrets: Secrets) -> Pod:
        """Write the volumes of the Deployment `name`'s pod."""
        spec = of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]
        pod = cls(manifests, spec, root)
        for volume in spec["volumes"]:
            directory = root / volume["name"]
            directory.mkdir()
            for file, content in pod._files(volume, secrets).items():
                (directory / file).write_bytes(content)
                (directory / file).chmod(0o440)
        return pod

    def _files(self, volume: Manifest, secrets: Secrets) -> Mapping[str, bytes]:
        if "configMap" in volume:
            data = of_kind(self.manifests, "ConfigMap")[volume["configMap"]["name"]]["data"]
            return {key: text.encode() for key, text in data.items()}
        if "secret" not in volume:
            return {}
        held = secrets[volume["secret"]["secretName"]]
        items = volume["secret"].get("items")
        if items is None:
            return held
        return {item["path"]: held[item["key"]] for item in items}

    def here(self, container: Manifest, path: str) -> Path:
        """Return where a container's path is on this machine. Raises NotMounted."""
        for mount in container["volumeMounts"]:
            at = mount["mountPath"]
            if path == at or path.startswith(f"{at}/"):
                rest = path[len(at) :].lstrip("/")
                file: Path = self.root / mount["name"] / mount.get("subPath", "") / rest
                return file
        raise NotMounted(path)

    def prepare(self) -> None:
        """Run the init containers' commands."""
        for container in self.spec.get("initContainers", []):
            program, *arguments = container["command"]
            subprocess.run(
                [program, *(self._argument(container, a) for a in arguments)], check=True
            )

    def _argument(self, container: Manifest, argument: str) -> str:
        option, equals, path = argument.rpartition("=")
        if not path.startswith("/"):
            return argument
        return f"{option}{equals}{self.here(container, path)}"

    def environment(self, paths: frozenset[str]) -> dict[str, str]:
        """Return the main container's variables but for secrets; those in `paths` name files."""
        [container] = self.spec["containers"]
        [source] = container["envFrom"]
        data = of_kind(self.manifests, "ConfigMap")[source["configMapRef"]["name"]]["data"]
        return {
            name: str(self.here(container, text)) if name in paths else text
            for name, text in data.items()
        }
