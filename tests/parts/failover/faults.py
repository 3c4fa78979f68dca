"""What happens to the cluster: planned from a seed, done, and made good again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import cycle, islice
from typing import Final

from tests.parts.servers.network import Side
from tests.parts.servers.patroni import Cluster


class Fault(StrEnum):
    """A fault, by whom it meets."""

    MACHINE = "primary's machine killed"
    POSTGRES = "primary's PostgreSQL killed"
    STANDBY = "synchronous standby's machine killed"
    CUT = "primary cut off from all"
    CUT_INSIDE = "primary cut off from the others, not from clients"
    UNGUARDED = "primary's Patroni killed, PostgreSQL left to serve"

    @property
    def leaves_an_old_side(self) -> bool:
        """Tell whether the old primary lives on and may have what the new one lacks."""
        return self in (Fault.CUT, Fault.CUT_INSIDE, Fault.UNGUARDED)

    @property
    def takes_the_leader(self) -> bool:
        """Tell whether nobody leads behind it, until another one does."""
        return self not in (Fault.STANDBY, Fault.UNGUARDED)


_KILLS: Final = (Fault.MACHINE, Fault.POSTGRES)
_CUTS: Final = (Fault.CUT_INSIDE, Fault.CUT)
_ROUNDS: Final = 5  # of a kill, a standby and a cut, before a primary that nobody stops


def planned(count: int, seed: int) -> list[Fault]:
    """Return faults, as many of each family, in an order that the seed decides."""
    kills, cuts = cycle(_KILLS), cycle(_CUTS)

    def endless() -> Iterator[Fault]:
        while True:
            for _round in range(_ROUNDS):
                yield next(kills)
                yield Fault.STANDBY
                yield next(cuts)
            yield Fault.UNGUARDED

    faults = list(islice(endless(), count))
    random.Random(f"{seed}/plan").shuffle(faults)
    return faults


def strike(
    cluster: Cluster, fault: Fault, roles: Mapping[str, str]
) -> tuple[str, Callable[[], None]]:
    """Let it happen, now; return whom it met, and how it is made good."""
    who = "sync_standby" if fault is Fault.STANDBY else "leader"
    name = next(name for name, role in roles.items() if role == who)
    node = cluster.nodes[name]
    match fault:
        case Fault.MACHINE | Fault.STANDBY:
            node.kill()
            return name, lambda: cluster.start(name)
        case Fault.POSTGRES:
            node.kill_postgres()
            return name, lambda: None  # its Patroni starts it again
        case Fault.CUT:
            node.place.cut(*Side)
            return name, node.place.heal
        case Fault.CUT_INSIDE:
            node.place.cut(Side.MEMBERS)
            return name, node.place.heal
        case Fault.UNGUARDED:
            node.kill_patroni()
            return name, lambda: cluster.start_patroni(name)
