"""docs/howto/deploy.md is true: its values are taken, its helm commands run, its targets exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest
import yaml

from tests.kit.charts.discovery import api_server
from tests.kit.charts.rendering import ROOT, installed, kubernetes_versions
from tests.kit.image.dockerfile import stages

TEXT = (ROOT / "docs" / "howto" / "deploy.md").read_text()
DOCUMENTATION = [IPv4Network(f"{net}/24") for net in ("192.0.2.0", "198.51.100.0", "203.0.113.0")]
"""RFC 5737."""
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


def commands(program: str, verb: str) -> list[list[str]]:
    """Return the guide's commands of a program that begin with a verb."""
    return [words for words in COMMANDS if words[:2] == [program, verb]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a directory with the chart and the guide's values.yaml."""
    [values] = re.findall(r"```yaml\n# values\.yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "values.yaml").write_text(values)
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    return tmp_path


@pytest.fixture
def environment(here: Path) -> Iterator[Mapping[str, str]]:
    """Have helm keep releases in a file, and a server that knows its version."""
    (here / "releases.yaml").write_text("[]")
    with api_server(kubernetes_versions()[1]) as address:
        yield {
            "PATH": "/usr/bin:/bin",
            "HOME": str(here),
            "HELM_DRIVER": "memory",
            "HELM_MEMORY_DRIVER_DATA": str(here / "releases.yaml"),
            "HELM_KUBEAPISERVER": address,
        }


def run(words: list[str], here: Path, environment: Mapping[str, str], *more: str) -> str:
    """Run a helm command of the guide; it must succeed."""
    done = subprocess.run(
        [str(installed("helm.sh")), *words[1:], *more],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_installs_lints_and_rolls_back(
    here: Path, environment: Mapping[str, str]
) -> None:
    [lint] = commands("helm", "lint")
    [install] = commands("helm", "upgrade")
    [history] = commands("helm", "history")
    [rollback] = commands("helm", "rollback")
    assert sum(words[0] == "helm" for words in COMMANDS) == 4
    assert "0 chart(s) failed" in run(lint, here, environment)
    release = json.loads(run(install, here, environment, "--output", "json"))
    assert release["info"]["status"] == "deployed"
    hooks = [hook["kind"] for hook in release["hooks"]]
    assert sorted(hooks[:2]) == ["NetworkPolicy", "ServiceAccount"]
    assert hooks[2:] == ["Job"]
    # The memory driver forgets at the end of each command: the file tells the next one.
    past = [
        {**release, "version": number, "info": {**release["info"], "status": status}}
        for number, status in ((1, "superseded"), (2, "deployed"))
    ]
    (here / "releases.yaml").write_text(json.dumps(past))
    assert "superseded" in run(history, here, environment)
    assert "Rollback was a success" in run(rollback, here, environment)


def test_the_guide_opens_no_way_out_into_the_internet(here: Path) -> None:
    egress = yaml.safe_load((here / "values.yaml").read_text())["vault"]["network"]["egress"]
    blocks = [ip_network(peer["ipBlock"]["cidr"]) for rule in egress for peer in rule["to"]]
    assert len(blocks) == 2
    assert all(
        any(isinstance(each, IPv4Network) and each.subnet_of(known) for known in DOCUMENTATION)
        for each in blocks
    )
    assert all(rule["ports"] for rule in egress)


def test_what_the_guide_runs_in_a_pod_is_there(here: Path, environment: Mapping[str, str]) -> None:
    [execute] = commands("kubectl", "--namespace")
    [install] = commands("helm", "upgrade")
    release = json.loads(run(install, here, environment, "--output", "json"))
    manifests = [each for each in yaml.safe_load_all(release["manifest"]) if each]
    names = {f"{each['kind']}/{each['metadata']['name']}" for each in manifests}
    [deployment] = [word.removeprefix("deploy/") for word in execute if word.startswith("deploy/")]
    assert f"Deployment/{deployment}" in names
    [host] = re.findall(r"dns:///([a-z-]+)\.payments\.svc:50051", TEXT)
    assert f"Service/{host}" in names
    [counted] = [each["spec"]["replicas"] for each in manifests if each["kind"] == "Deployment"]
    assert execute[-1] == str(counted)


def test_images_are_built_from_targets_that_exist() -> None:
    found = stages((ROOT / "Dockerfile").read_text())
    builds = commands("docker", "build")
    assert [words[words.index("--target") + 1] for words in builds] == ["vault", "updater"]
    arguments = {each.partition("=")[0] for each in found["runtime"].all("ARG")}
    for words in builds:
        given = words[words.index("--build-arg") + 1].partition("=")[0]
        assert given in arguments


def test_secrets_that_the_guide_names_are_those_that_are_made() -> None:
    [values] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    table = TEXT.partition("| Secret |")[2].partition("```")[0]
    made = {
        name
        for row in table.splitlines()[2:]
        for name in re.findall(r"`(vault-[a-z-]+)`", row.split("|")[1] if "|" in row else "")
    }
    used = set(re.findall(r"(?:name|tlsSecret|database): (vault-[a-z-]+)", values))
    assert made == used
