"""What the Dockerfile says: pinned, for nobody's root, and true to the services."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from chassis.address import split_address
from tests.kit.charts.rendering import checkers
from tests.kit.charts.settings_names import SERVICES
from tests.kit.image.dockerfile import (
    ROOT,
    Ignored,
    NotUnderstood,
    Stage,
    copy_context,
    stages,
    words,
)

TARGETS = ("vault", "updater")
STAGES = stages((ROOT / "Dockerfile").read_text())
COMMANDS = {"vault": "cardvault", "updater": "cardvault-updater"}


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [checkers() / "hadolint", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_hadolint_would_say_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && sudo pip install x\n")
    done = subprocess.run(
        [checkers() / "hadolint", str(tmp_path / "Dockerfile")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0


def test_both_stages_begin_with_one_pinned_python() -> None:
    assert list(STAGES) == ["build", "runtime", *TARGETS]
    assert STAGES["build"].base == STAGES["runtime"].base
    pinned = r"python:3\.11\.\d+-slim-bookworm@(sha256:[0-9a-f]{64})"
    digest = re.fullmatch(pinned, STAGES["build"].base)
    assert digest is not None
    assert {STAGES[target].base for target in TARGETS} == {"runtime"}
    labels = " ".join(STAGES["runtime"].all("LABEL"))
    name = STAGES["build"].base.partition("@")[0]
    assert f"image.base.name=docker.io/library/{name}" in labels
    assert f"image.base.digest={digest[1]}" in labels


def test_the_version_is_the_project_s() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"VERSION={version}" in STAGES["runtime"].all("ARG")


def test_our_wheels_are_built_by_what_the_project_names() -> None:
    for project in ("pyproject.toml", "client/pyproject.toml"):
        [builder] = tomllib.loads((ROOT / project).read_text())["build-system"]["requires"]
        assert f"{builder} \\\n" in (ROOT / "requirements" / "build.txt").read_text()


def test_it_runs_as_a_number_that_is_not_root_s() -> None:
    assert STAGES["runtime"].one("USER") == "65532:65532"
    assert not [target for target in TARGETS if STAGES[target].all("USER")]
    steps = [name for name, _ in STAGES["runtime"].steps]
    assert "RUN" not in steps[steps.index("USER") :]


@pytest.mark.parametrize("target", TARGETS)
def test_it_starts_the_service_and_gets_its_signals(target: str) -> None:
    stage = STAGES[target]
    assert words(stage.one("ENTRYPOINT")) == [f"/opt/cardvault/bin/{COMMANDS[target]}"]
    assert words(stage.one("CMD")) == ["serve"]
    assert STAGES["runtime"].one("STOPSIGNAL") == "SIGTERM"
    assert not [each for each in STAGES.values() if each.all("HEALTHCHECK")]


@pytest.mark.parametrize("target", TARGETS)
def test_the_ports_are_the_services_own(target: str) -> None:
    fields = SERVICES[target].model_fields
    defaults = [fields[name].default for name in ("listen", "health_listen", "ops_listen")]
    ports = [str(split_address(address)[1]) for address in defaults]
    assert STAGES[target].one("EXPOSE").split() == ports


def test_nothing_is_written_at_run_time() -> None:
    assert "PYTHONDONTWRITEBYTECODE=1" in STAGES["runtime"].one("ENV")


def test_the_last_stages_take_the_installation_alone() -> None:
    assert STAGES["runtime"].all("COPY") == ["--from=build /opt/cardvault /opt/cardvault"]
    assert not [target for target in TARGETS if STAGES[target].all("COPY")]
    [run] = STAGES["runtime"].all("RUN")
    assert "apt" not in run
    assert "pip install" not in run


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("vault/config.py", False),
        ("cards/data/brands.json", False),
        ("requirements/server.txt", False),
        ("vault/cli/__pycache__/serve.cpython-311.pyc", True),
        ("vault/.cardvault/pki/ca.pem", True),
        ("vault/server.key", True),
        ("tests/conftest.py", True),
        ("docs/howto/kms.md", True),
        (".git/config", True),
        (".cardvault/local-kms.key", True),
        ("requirements/dev.txt", True),
        ("tools/image/notes.txt", True),
        ("vaulted/x.py", True),
    ],
)
def test_what_a_build_gets_to_see(path: str, ignored: bool) -> None:
    assert (PurePosixPath(path) in Ignored.read((ROOT / ".dockerignore").read_text())) is ignored


def test_the_reader_of_dockerfiles_reads(tmp_path: Path) -> None:
    read = stages('# a\nFROM x AS y\nENV A=1 \\\n    B=2\n\nRUN ["a", "b c"]\n')["y"]
    assert read == Stage("y", "x", [("ENV", "A=1 B=2"), ("RUN", '["a", "b c"]')])
    assert words(read.one("RUN")) == ["a", "b c"]
    with pytest.raises(NotUnderstood):
        words("a b")
    with pytest.raises(NotUnderstood):
        stages("FROM x\n")
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("one", "d/two", "d/deep/three", "d/left.out"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    stage = Stage("y", "x", [("COPY", "one ./"), ("COPY", "one as"), ("COPY", "d e")])
    got = copy_context(stage, target, Ignored.read("**/*.out"), source)
    assert sorted(got) == ["as", "e/deep/three", "e/two", "one"]
    assert (target / "e/deep/three").read_text() == "d/deep/three"
    with pytest.raises(FileNotFoundError):
        copy_context(Stage("y", "x", [("COPY", "none ./")]), target, Ignored([]), source)
