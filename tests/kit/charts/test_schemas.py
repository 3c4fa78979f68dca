"""The chart renders, always the same, and Kubernetes' own schemas take every manifest."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.charts.rendering import (
    CHART,
    SHAPES,
    checkers,
    helm,
    kubernetes_versions,
    shape,
    template,
)


def validated(text: str, kubernetes: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "manifests.yaml"
    file.write_text(text)
    return subprocess.run(
        [checkers() / "kubernetes-validate", "-k", kubernetes, "--strict", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", SHAPES)
def test_lint_has_nothing_to_say(name: str) -> None:
    version = f"{kubernetes_versions()[1]}.0"
    done = helm("lint", "--strict", str(CHART), "--kube-version", version, values=shape(name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kubernetes", kubernetes_versions())
def test_every_manifest_fits_the_oldest_and_the_newest_schemas(
    name: str, kubernetes: str, tmp_path: Path
) -> None:
    text = template(shape(name), kubernetes).stdout
    done = validated(text, kubernetes, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(told) == text.count("\nkind: ")
    assert all(line.startswith("INFO") and "passed" in line for line in told), told


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("replicas: 1\n", "replicas: one\n"),
        ("minReadySeconds: 5\n", "minReadySecond: 5\n"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"),
        ("podSelector:\n", "podSelectors:\n"),
    ],
    ids=["type", "name", "deep name", "required"],
)
def test_a_manifest_that_is_wrong_is_found(good: str, bad: str, tmp_path: Path) -> None:
    text = template(shape("minimal")).stdout
    assert good in text
    done = validated(text.replace(good, bad, 1), kubernetes_versions()[1], tmp_path)
    assert done.returncode != 0


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_values_render_the_same(name: str) -> None:
    assert template(shape(name)).stdout == template(shape(name)).stdout


def test_an_older_kubernetes_is_refused() -> None:
    oldest = kubernetes_versions()[0]
    major, minor = oldest.split(".")
    done = template(shape("minimal"), f"{major}.{int(minor) - 1}")
    assert done.returncode != 0
    assert "kubeVersion" in done.stderr
