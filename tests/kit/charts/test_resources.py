"""A pod has the memory that its processes take."""

from __future__ import annotations

import re

import pytest

from tests.kit.charts.rendering import ROOT, Manifest, changed, of_kind, render, shape

_GUIDE = (ROOT / "docs" / "howto" / "transports.md").read_text()
[_TAKES] = re.findall(r"^\| memory of a process \| (\d+) MB \| (\d+) MB \|$", _GUIDE, re.MULTILINE)
PROCESS_MB = dict(zip(("grpcio", "envoy"), map(int, _TAKES), strict=True))
BESIDE_MB = 64 + 35 + 100
"""A full /tmp, the supervisor, and a doctor that somebody runs in the container."""


def resources(values: Manifest, service: str = "vault") -> Manifest:
    """Return the main container's."""
    deployment = of_kind(render(values), "Deployment")[f"pay-cardvault-{service}"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    found: Manifest = container["resources"]
    return found


@pytest.mark.parametrize("transport", ["grpcio", "envoy", None])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_memory_follows_workers_and_transport(workers: int, transport: str | None) -> None:
    values = changed(shape("everything"), "vault.workers", workers)
    if transport is not None:
        values = changed(values, "vault.settings.TRANSPORT", transport)
    found = resources(values)
    assert set(found["limits"]) == {"memory"}
    assert found["requests"] == {"cpu": "500m", "memory": found["limits"]["memory"]}
    mebibytes = int(found["limits"]["memory"].removesuffix("Mi"))
    takes = workers * PROCESS_MB[transport or "grpcio"]
    # A fifth more for each, for calls in flight; and not so much that nothing is meant by it.
    assert takes * 1.2 + BESIDE_MB <= mebibytes * 1.048576 <= takes * 1.4 + 2 * BESIDE_MB


def test_what_is_given_is_kept() -> None:
    given = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "2Gi", "cpu": "4"}}
    assert resources(changed(shape("minimal"), "vault.resources", given)) == given
    limited = changed(shape("minimal"), "vault.resources", {"limits": {"memory": "1Gi"}})
    assert resources(limited)["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_the_updater_has_its_own() -> None:
    found = resources(shape("everything"), "updater")
    assert found["requests"]["memory"] == found["limits"]["memory"] == "1Gi"
