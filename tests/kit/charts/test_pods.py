"""Pods are locked down, whole, and probed where the services answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from chassis.address import split_address
from tests.kit.charts.rendering import (
    CHART,
    SHAPES,
    Manifest,
    changed,
    containers,
    helm,
    of_kind,
    pod_specs,
    render,
    rendered,
    shape,
    template,
)


def deployments(name: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Yield each Deployment with its settings."""
    manifests = rendered(name)
    for title, deployment in of_kind(manifests, "Deployment").items():
        yield deployment, of_kind(manifests, "ConfigMap")[title]["data"]


def test_there_are_as_many_pods_as_there_should_be() -> None:
    assert len(list(pod_specs(rendered("minimal")))) == 3  # vault; migrate, at once and weekly
    assert len(list(pod_specs(rendered("everything")))) == 5


@pytest.mark.parametrize("name", SHAPES)
def test_the_pod_is_restricted(name: str) -> None:
    for _whose, spec in pod_specs(rendered(name)):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        expected = shape(name).get("user", 65532)
        assert {security[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {expected}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["serviceAccountName"] in of_kind(rendered(name), "ServiceAccount")
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)


@pytest.mark.parametrize("name", SHAPES)
def test_each_container_is_restricted(name: str) -> None:
    for _whose, spec in pod_specs(rendered(name)):
        for container in containers(spec):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])


@pytest.mark.parametrize("name", SHAPES)
def test_volumes_and_mounts_fit(name: str) -> None:
    for _whose, spec in pod_specs(rendered(name)):
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        mounted = {mount["name"] for each in containers(spec) for mount in each["volumeMounts"]}
        assert mounted == set(volumes)
        for volume in volumes.values():
            if "emptyDir" in volume:
                assert (
                    volume["emptyDir"]["medium"] == "Memory"
                )  # nothing of a card on a node's disk
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440
        for each in containers(spec):
            for mount in each["volumeMounts"]:
                writable = mount["name"] in {"tmp", "exchange"} or mount["mountPath"] == "/own"
                assert mount.get("readOnly", False) is not writable, mount


@pytest.mark.parametrize("name", SHAPES)
def test_probes_ask_where_the_service_answers(name: str) -> None:
    for deployment, settings in deployments(name):
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        listening = {
            name.removeprefix("CARDVAULT_").removeprefix("UPDATER_"): split_address(text)[1]
            for name, text in settings.items()
            if name.endswith("LISTEN")
        }
        assert listening == {
            "LISTEN": ports["grpc"],
            "HEALTH_LISTEN": ports["health"],
            "OPS_LISTEN": ports["ops"],
        }
        assert container["startupProbe"]["grpc"] == {"port": ports["health"]}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ops"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "ops"}


@pytest.mark.parametrize("name", SHAPES)
def test_a_rollout_takes_no_pod_away_first(name: str) -> None:
    for deployment, _settings in deployments(name):
        spec = deployment["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert spec["minReadySeconds"] >= 5  # docs/howto/workers.md
        assert (
            spec["selector"]["matchLabels"].items()
            <= spec["template"]["metadata"]["labels"].items()
        )
        keys = {
            each["topologyKey"] for each in spec["template"]["spec"]["topologySpreadConstraints"]
        }
        assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


@pytest.mark.parametrize("name", SHAPES)
def test_services_and_budgets_select_one_deployment_each(name: str) -> None:
    manifests = rendered(name)
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(manifests, "Deployment").values()
    ]
    jobs = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(manifests, "Job").values()
    ]
    services = of_kind(manifests, "Service")
    assert {
        title for title, each in services.items() if each["spec"].get("clusterIP") == "None"
    } == {title for title in services if title.endswith("-pods")}
    budgets = of_kind(manifests, "PodDisruptionBudget").values()
    selectors = [each["spec"]["selector"] for each in services.values()]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in budgets]
    assert len(selectors) == 3 * len(labels)
    for selector in selectors:
        assert sum(selector.items() <= each.items() for each in labels) == 1
        assert not any(selector.items() <= each.items() for each in jobs)


def strings(node: object) -> Iterator[str]:
    """Yield every string in a manifest."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


@pytest.mark.parametrize("name", SHAPES)
def test_secrets_are_named_and_never_held(name: str) -> None:
    manifests = rendered(name)
    assert of_kind(manifests, "Secret") == {}
    texts = [text for each in manifests for text in strings(each)]
    assert not [text for text in texts if "-----BEGIN" in text]
    assert not [text for text in texts if re.search(r"://[^/\s:@]+:[^/\s@]+@", text)]
    for _whose, spec in pod_specs(manifests):
        for container in containers(spec):
            secret = [each for each in container.get("env", []) if each["name"] == "PGPASSWORD"]
            assert all(set(each) == {"name", "valueFrom"} for each in secret)


def test_the_schema_comes_before_the_pods() -> None:
    manifests = rendered("everything")
    for kind in ("Job", "ServiceAccount"):
        for title, each in of_kind(manifests, kind).items():
            hooked = each["metadata"].get("annotations", {}).get("helm.sh/hook")
            assert (hooked == "pre-install,pre-upgrade") == title.endswith("-migrate"), title
    job = of_kind(manifests, "Job")["pay-cardvault-vault-migrate"]
    account = of_kind(manifests, "ServiceAccount")["pay-cardvault-vault-migrate"]
    weights = [
        int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in (account, job)
    ]
    assert weights == sorted(set(weights))
    [cron] = of_kind(manifests, "CronJob").values()
    assert cron["spec"]["jobTemplate"]["spec"] == job["spec"]


def test_changed_settings_roll_the_pods_and_a_changed_policy_does_not() -> None:
    def annotations(values: Manifest) -> Manifest:
        found: Manifest = of_kind(render(values), "Deployment")["pay-cardvault-vault"]
        return dict(found["spec"]["template"]["metadata"]["annotations"])

    values = shape("minimal")
    assert annotations(changed(values, "vault.settings", {"MAX_IN_FLIGHT": 9})) != annotations(
        values
    )
    policy = {**values["vault"]["policy"], "roles": {"merchant": {"allow": [], "purposes": []}}}
    assert annotations(changed(values, "vault.policy", policy)) == annotations(values)


def test_names_stay_within_what_kubernetes_takes() -> None:
    done = helm(
        "template",
        "r" * 53,  # helm's own limit
        str(CHART),
        "--kube-version",
        "1.37.0",
        values=shape("everything"),
    )
    names = re.findall(r"^  name: (\S+)$", done.stdout, re.MULTILINE)
    assert names
    assert max(map(len, names)) <= 63
    assert template(shape("minimal")).stdout.count("name: pay-cardvault-vault\n") > 3
