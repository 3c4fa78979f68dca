"""Render the chart with the pinned helm, and read what comes out."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
CHART: Final = ROOT / "helm" / "cardvault"
SHAPES: Final = ("minimal", "everything")
"""Values files under `ci/`: the least the chart takes, and all there is."""

Manifest = dict[str, Any]


def installed(script: str) -> Path:
    """Return what an installer under tools/kit/ prints: where its tool is."""
    done = subprocess.run(
        ["bash", f"tools/kit/{script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return Path(done.stdout.strip().splitlines()[-1])


@lru_cache
def _helm() -> Path:
    return installed("helm.sh")


@lru_cache
def checkers() -> Path:
    """Return the directory of kubernetes-validate and hadolint."""
    return installed("checkers.sh") / "bin"


def helm(*arguments: str, values: Manifest | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm; `values` are given to it as one more file."""
    given = () if values is None else ("--values", "-")
    return subprocess.run(
        [str(_helm()), *arguments, *given],
        cwd=ROOT,
        input=None if values is None else json.dumps(values),
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def chart() -> Manifest:
    """Return Chart.yaml."""
    loaded: Manifest = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return loaded


def kubernetes_versions() -> tuple[str, str]:
    """Return the oldest and the newest release of Kubernetes that Chart.yaml speaks of."""
    oldest = re.fullmatch(r">=(\d+\.\d+)\.0-0", chart()["kubeVersion"])
    assert oldest is not None
    return oldest[1], chart()["annotations"]["cardvault/tested-up-to"]


def shape(name: str) -> Manifest:
    """Return the values of one file under `ci/`."""
    loaded: Manifest = yaml.safe_load((CHART / "ci" / f"{name}.yaml").read_text())
    return loaded


def changed(values: Manifest, path: str, value: object) -> Manifest:
    """Return a copy with `value` at a dotted path."""
    copied = copy.deepcopy(values)
    at = copied
    *way, last = path.split(".")
    for step in way:
        at = at.setdefault(step, {})
    at[last] = value
    return copied


def template(values: Manifest, kubernetes: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `helm template`, whatever comes of it."""
    version = f"{kubernetes or kubernetes_versions()[1]}.0"
    return helm("template", "pay", str(CHART), "--kube-version", version, values=values)


def render(values: Manifest) -> list[Manifest]:
    """Return all manifests; the chart must take the values."""
    done = template(values)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@lru_cache
def rendered(name: str) -> Sequence[Manifest]:
    """Return the manifests of a values file under `ci/`; don't change them."""
    return render(shape(name))


def of_kind(manifests: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    """Return manifests of a kind by name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pod_specs(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield every pod's specification with a name that says whose it is."""
    for each in manifests:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield f"{each['kind']}/{each['metadata']['name']}", spec["template"]["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    """Return a pod's containers, those that run before it included."""
    return [*spec.get("initContainers", []), *spec["containers"]]
