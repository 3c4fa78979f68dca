"""etcd, a member a machine: what Patroni agrees with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.parts.servers.network import Place, Side, as_postgres

CLIENT_PORT: Final = 2379
_PEER_PORT: Final = 2380


def etcd_command(place: Place, places: Sequence[Place], data: Path) -> tuple[str, ...]:
    """Return the command of one member; its times are the defaults: 0.1 s and 1 s."""
    own = place.address(Side.MEMBERS)
    peers = [f"m{each.number}=http://{each.address(Side.MEMBERS)}:{_PEER_PORT}" for each in places]
    return place.inside(
        *as_postgres(
            (
                "/usr/bin/etcd",
                f"--name=m{place.number}",
                f"--data-dir={data}",
                f"--listen-peer-urls=http://{own}:{_PEER_PORT}",
                f"--initial-advertise-peer-urls=http://{own}:{_PEER_PORT}",
                f"--listen-client-urls=http://{own}:{CLIENT_PORT}",
                f"--advertise-client-urls=http://{own}:{CLIENT_PORT}",
                f"--initial-cluster={','.join(peers)}",
                "--initial-cluster-state=new",
                "--log-level=error",
            )
        )
    )


def etcd_hosts(places: Sequence[Place]) -> str:
    """Return where etcd is, as Patroni wants it."""
    return ",".join(f"{each.address(Side.MEMBERS)}:{CLIENT_PORT}" for each in places)
