"""Who may reach what: the rendered NetworkPolicies, applied to all pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.kit.charts.rendering import Manifest, changed, of_kind, render, rendered, shape

Labels = Mapping[str, str]
_HOOK = "helm.sh/hook"


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return this release's pod templates by component."""
    found = {}
    for kind in ("Deployment", "Job"):
        for each in of_kind(manifests, kind).values():
            pod = each["spec"]["template"]
            found[pod["metadata"]["labels"]["app.kubernetes.io/component"]] = pod
    return found


def selecting(manifests: Sequence[Manifest], labels: Labels) -> list[Manifest]:
    """Return the policies that are about a pod."""
    policies = of_kind(manifests, "NetworkPolicy").values()
    return [
        each["spec"]
        for each in policies
        if each["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]


def rules(manifests: Sequence[Manifest], labels: Labels, way: str) -> list[Manifest]:
    """Return all rules for one way; no policy for it at all would let everything through."""
    policies = selecting(manifests, labels)
    assert any(way.title() in each["policyTypes"] for each in policies)
    return [rule for each in policies for rule in each.get(way, [])]


def ports_for_pod(found: list[Manifest], side: str, labels: Labels) -> set[str | int]:
    """Return the ports that rules open to a pod of this namespace."""
    return {
        port["port"]
        for rule in found
        for peer in rule[side]
        if "podSelector" in peer
        and "namespaceSelector" not in peer
        and peer["podSelector"]["matchLabels"].items() <= labels.items()
        for port in rule["ports"]
    }


def test_pods_of_the_release_reach_what_they_must_and_no_more() -> None:
    manifests = rendered("everything")
    found = pods(manifests)
    assert set(found) == {"vault", "updater", "vault-migrate", "updater-migrate"}
    reached = {}
    for source, from_pod in found.items():
        for target, to_pod in found.items():
            here, there = from_pod["metadata"]["labels"], to_pod["metadata"]["labels"]
            out = ports_for_pod(rules(manifests, here, "egress"), "to", there)
            into = ports_for_pod(rules(manifests, there, "ingress"), "from", here)
            if out & into:
                reached[source, target] = out & into
    assert reached == {("updater", "vault"): {"grpc"}}


@pytest.mark.parametrize("service", ["vault", "updater"])
def test_from_outside_only_those_named_and_only_their_port(service: str) -> None:
    values = shape("everything")
    labels = pods(rendered("everything"))[service]["metadata"]["labels"]
    found = rules(rendered("everything"), labels, "ingress")
    opened = [
        (port["port"], peer)
        for rule in found
        for peer in rule["from"]
        if "namespaceSelector" in peer
        for port in rule["ports"]
    ]
    expected = [("grpc", peer) for peer in values[service]["network"]["from"]]
    expected += [("ops", peer) for peer in values["networkPolicy"]["monitoring"]]
    assert opened == expected
    # A rule without peers or ports would be for everybody, or for every port.
    assert all(rule.get("from") and rule.get("ports") for rule in found)


@pytest.mark.parametrize("component", ["vault", "updater", "vault-migrate", "updater-migrate"])
def test_out_go_names_and_what_is_named(component: str) -> None:
    labels = pods(rendered("everything"))[component]["metadata"]["labels"]
    found = rules(rendered("everything"), labels, "egress")
    named = shape("everything")[component.removesuffix("-migrate")]["network"]["egress"]
    [resolving, *others] = found
    assert {(port["port"], port["protocol"]) for port in resolving["ports"]} == {
        (53, "UDP"),
        (53, "TCP"),
    }
    assert resolving["to"]
    assert others[: len(named)] == named
    assert all(rule.get("to") for rule in found)


@pytest.mark.parametrize("service", ["vault", "updater"])
def test_a_job_that_comes_before_all_else_is_let_out_already(service: str) -> None:
    """As it is at the first install, in a namespace where nothing is let through."""
    name = f"pay-cardvault-{service}-migrate"
    job = of_kind(rendered("everything"), "Job")[name]
    earlier = [each for each in rendered("everything") if _weight(each) < _weight(job)]
    labels = job["spec"]["template"]["metadata"]["labels"]
    [_resolving, *named] = rules(earlier, labels, "egress")
    assert named == shape("everything")[service]["network"]["egress"]
    assert rules(earlier, labels, "ingress") == []
    assert job["spec"]["template"]["spec"]["serviceAccountName"] in of_kind(
        earlier, "ServiceAccount"
    )
    hooked = of_kind(earlier, "NetworkPolicy")[name]["metadata"]["annotations"]
    assert hooked[_HOOK] == job["metadata"]["annotations"][_HOOK]  # at an upgrade, too
    assert hooked[f"{_HOOK}-delete-policy"] == "before-hook-creation"  # changed egress is taken


def _weight(manifest: Manifest) -> float:
    """Return when helm makes it: hooks by their weights, then the rest."""
    annotations = manifest["metadata"].get("annotations", {})
    return float(annotations[f"{_HOOK}-weight"]) if _HOOK in annotations else float("inf")


def test_a_job_lets_nobody_in() -> None:
    manifests = rendered("everything")
    labels = pods(manifests)["vault-migrate"]["metadata"]["labels"]
    assert rules(manifests, labels, "ingress") == []


def test_any_other_pod_of_the_release_is_cut_off() -> None:
    manifests = rendered("everything")
    labels = {
        **pods(manifests)["vault"]["metadata"]["labels"],
        "app.kubernetes.io/component": "another",
    }
    assert rules(manifests, labels, "ingress") == []
    assert rules(manifests, labels, "egress") == []


def test_another_release_s_pods_are_not_meant() -> None:
    manifests = rendered("everything")
    labels = {
        **pods(manifests)["vault"]["metadata"]["labels"],
        "app.kubernetes.io/instance": "another",
    }
    assert selecting(manifests, labels) == []


def test_without_monitoring_the_ops_port_is_shut() -> None:
    manifests = rendered("minimal")
    labels = pods(manifests)["vault"]["metadata"]["labels"]
    opened = [
        port["port"] for rule in rules(manifests, labels, "ingress") for port in rule["ports"]
    ]
    assert opened == ["grpc"]


def test_policies_can_be_left_to_somebody_else() -> None:
    manifests = render(changed(shape("minimal"), "networkPolicy", {"enabled": False}))
    assert of_kind(manifests, "NetworkPolicy") == {}
