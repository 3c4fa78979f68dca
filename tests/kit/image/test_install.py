"""The Dockerfile's own steps, in a clean directory: what they install serves, and nothing else is.

No container engine is needed: the `build` stage's COPY and RUN lines are carried out here, with a
directory in the place of /src and another in that of /opt/cardvault, and the image's user, root
file system and entry point are imitated by setpriv and a mount namespace.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.charts.rendering import installed
from tests.kit.image.dockerfile import ROOT, Ignored, copy_context, stages, words
from tools.running.ports import free_ports
from tools.running.process import Process

PREFIX = "/opt/cardvault"
USER = 65532

# Everything is read-only but the data: less than a pod has, which may write to /tmp, too.
READ_ONLY = """
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro /
cd "$1"
shift
exec "$@"
"""


@dataclass(frozen=True)
class Image:
    """An installation under `root`, and what the build got to see."""

    root: Path
    context: Sequence[str]

    @property
    def prefix(self) -> Path:
        return self.root / "opt"

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command line as the image's user would run it."""
        whole = [str(self.prefix / "bin" / name), *arguments]
        if os.geteuid() != 0:
            return whole
        user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
        return [*user, "--bounding-set=-all", *whole]

    def environment(self) -> dict[str, str]:
        [variables] = stages((ROOT / "Dockerfile").read_text())["runtime"].all("ENV")
        given = dict(each.split("=", 1) for each in variables.split())
        del given["PATH"]
        return {**given, "PATH": f"{self.prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

    def run(self, name: str, *arguments: str, cwd: Path | None = None, **more: str) -> str:
        """Run a command to its end and return what it said; it must succeed."""
        done = subprocess.run(
            self.command(name, *arguments),
            env={**self.environment(), **more},
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> list[str]:
        """Return the installed files' paths inside the prefix."""
        return [str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    build = stages((ROOT / "Dockerfile").read_text())["build"]
    python = installed("system_python.sh")
    # Not pytest's directory, which nobody but its user can enter.
    root = Path(tempfile.mkdtemp(prefix="cardvault-image-"))
    root.chmod(0o755)
    try:
        ignored = Ignored.read((ROOT / ".dockerignore").read_text())
        context = copy_context(build, root / "src", ignored)
        for line in build.all("RUN"):
            command = [word.replace(PREFIX, str(root / "opt")) for word in words(line)]
            done = subprocess.run(
                ["nice", *command],
                cwd=root / "src",
                env={**_without_our_python(), "PYTHON": str(python), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        shutil.rmtree(root / "src")  # the last stages get the prefix alone
        yield Image(root, context)
    finally:
        shutil.rmtree(root)


def _without_our_python() -> dict[str, str]:
    """Return the environment, pip's settings in it, but nothing of this test run's own Python."""
    ours = ("PYTHON", "VIRTUAL_ENV", "CARDVAULT_", "COVERAGE_")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}  # noqa: TID251 - pip's, not ours


@pytest.mark.parametrize("command", ["cardvault", "cardvault-updater"])
def test_the_commands_are_there(image: Image, command: str) -> None:
    assert "check-config" in image.run(command, "--help")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", image.run(command, "--version"))


def test_nothing_comes_from_the_checkout(image: Image) -> None:
    program = "import vault, updater, chassis, cards, cardvault; print(vault.__path__[0])"
    assert image.run("python", "-c", program).startswith(str(image.prefix))


def test_the_build_sees_sources_alone(image: Image) -> None:
    strange = [
        path
        for path in image.context
        if path.split("/")[0]
        not in {"client", "cards", "chassis", "updater", "vault", "requirements", "tools"}
    ]
    assert sorted(strange) == ["LICENSE", "README.md", "pyproject.toml"]
    assert not [path for path in image.context if path.endswith((".pyc", ".key", ".pem", ".db"))]


def test_nothing_got_in_that_isn_t_needed(image: Image) -> None:
    files = image.files()
    site = "lib/python3.11/site-packages/"
    ours = [
        path.removeprefix(site)
        for path in files
        if path.startswith(
            tuple(
                f"{site}{name}/" for name in ("vault", "updater", "chassis", "cards", "cardvault")
            )
        )
    ]
    assert "vault/adapters/postgres/schema/0001.sql" in ours
    assert "cards/data/brands.json" in ours
    assert "cardvault/service_config.json" in ours
    assert not [
        path for path in ours if "/tests/" in path or path.endswith((".md", ".key", ".pem"))
    ]
    tops = {path.removeprefix(site).split("/")[0] for path in files if path.startswith(site)}
    assert not tops & {"tests", "docs", "tools", "examples", "protos", "requirements"}
    assert not [path for path in files if ".git" in path.split("/")]


def test_what_is_installed_is_what_is_locked(image: Image) -> None:
    program = (
        "from importlib.metadata import distributions;"
        "print(*sorted({d.name.lower().replace('_', '-') for d in distributions()}))"
    )
    installed = set(image.run("python", "-c", program).split())
    locked = re.findall(
        r"^([a-z0-9._-]+)(?:\[.*\])?==", (ROOT / "requirements/server.txt").read_text(), re.M
    )
    assert installed == {*locked, "cardvault", "cardvault-server"}
    assert not installed & {
        "pip",
        "setuptools",
        "wheel",
        "hatchling",
        "pytest",
        "mypy",
        "ruff",
        "moto",
    }


def test_everything_is_compiled(image: Image) -> None:
    site = image.prefix / "lib" / "python3.11" / "site-packages"
    module = site / "vault" / "cli" / "__pycache__" / "serve.cpython-311.pyc"
    assert int.from_bytes(module.read_bytes()[4:8], "little") == 1  # by hash, and unchecked
    missing = [
        path
        for path in (*site.glob("vault/**/*.py"), *site.glob("grpc/**/*.py"))
        if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()
    ]
    assert missing == []


def test_all_drivers_load(image: Image) -> None:
    names = "asyncpg, alembic, redis, boto3, hvac, pkcs11, confluent_kafka, apsw, uvloop"
    image.run("python", "-c", f"import {names}")


@pytest.mark.parametrize("transport", ["grpcio", "envoy"])
async def test_it_serves_on_sqlite(image: Image, transport: str) -> None:
    data = image.root / f"data-{transport}"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, USER, USER)
    grpc_port, health, ops = free_ports(3)
    settings = {
        "CARDVAULT_LISTEN": f"127.0.0.1:{grpc_port}",
        "CARDVAULT_HEALTH_LISTEN": f"127.0.0.1:{health}",
        "CARDVAULT_OPS_LISTEN": f"127.0.0.1:{ops}",
        "CARDVAULT_ENDPOINT_DELAY": "PT0S",
        "CARDVAULT_TRANSPORT": transport,
        "TMPDIR": str(data),  # where a pod has its emptyDir; Envoy keeps a socket there
    }
    image.run("cardvault", "init", cwd=data)
    checked = image.run("cardvault", "check-config", cwd=data, **settings)
    assert "the configuration can be served" in checked
    command = image.command("cardvault", "serve")
    if os.geteuid() == 0:  # as readOnlyRootFilesystem would have it
        command = ["unshare", "--mount", "sh", "-ec", READ_ONLY, "sh", str(data), *command]
    process = Process(
        "image",
        command,
        env={**image.environment(), **settings},
        cwd=data,
        log=image.root / f"{transport}.log",
    )
    try:
        process.start()
        await process.ready(settings["CARDVAULT_OPS_LISTEN"])
        if os.geteuid() == 0:
            about = [(Path("/proc") / str(process.pid) / name) for name in ("status", "mounts")]
            status, mounts = [path.read_text() for path in about]
            assert f"Uid:\t{USER}\t{USER}\t{USER}" in status
            assert "CapEff:\t0000000000000000" in status
            assert re.search(r"^\S+ / \S+ ro[, ]", mounts, re.MULTILINE)
        assert await process.stop() == 0
    finally:
        process.close()
    assert "serving" in (image.root / f"{transport}.log").read_text()
