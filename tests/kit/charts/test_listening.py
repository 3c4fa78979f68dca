"""Pods listen on IPv4, or on IPv6 where a cluster has nothing else."""

from __future__ import annotations

import ipaddress
import socket
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from chassis.address import split_address
from chassis.ops import serving_ops
from tests.kit.charts.rendering import Manifest, changed, of_kind, render, shape


class _Content:
    """Answers everything with OK."""

    def answer(self, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Return it."""
        return HTTPStatus.OK, path.encode(), "text/plain"


def hosts(values: Manifest) -> set[str]:
    """Return all hosts at which the services are told to listen, as they read them."""
    return {
        split_address(text)[0]
        for each in of_kind(render(values), "ConfigMap").values()
        for name, text in each["data"].items()
        if name.endswith("LISTEN")
    }


@pytest.mark.parametrize(("given", "host"), [(None, "0.0.0.0"), ("[::]", "::")], ids=["4", "6"])  # noqa: S104
def test_both_services_listen_where_the_chart_says(given: str | None, host: str) -> None:
    values = shape("everything")
    assert hosts(values if given is None else changed(values, "listenHost", given)) == {host}
    assert ipaddress.ip_address(host).is_unspecified  # a literal: Envoy looks no name up


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_probes_are_answered_by_ipv6() -> None:
    with serving_ops("[::1]:0", _Content()) as port:
        connection = HTTPConnection("::1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            assert connection.getresponse().read() == b"/readyz"
        finally:
            connection.close()
