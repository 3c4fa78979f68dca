"""Stores over PostgreSQL: for calls, and for pieces of work that one process at a time has."""

from __future__ import annotations

from typing import Final

from chassis.postgres.connection import Link, Reads
from updater.adapters.engine import Bench
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.database import Database, Fenced
from updater.adapters.postgres.enrolments import PostgresEnrolments
from updater.adapters.postgres.feeds import PostgresFeeds
from updater.adapters.postgres.incidents import PostgresIncidents
from updater.adapters.postgres.inquiries import PostgresInquiries
from updater.adapters.postgres.leases import Leases
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.pauses import PostgresPauses
from updater.usecases.ports import Duty


class Benches:
    """`Engine.bench`: each name's stores, on a connection of their own once they change something.

    So a slow transaction of one channel keeps no other one waiting. What has no work here has no
    connection either: a process holds as many as it does pieces of work.
    """

    def __init__(self, address: Address, reads: Reads, tell: Teller, leases: Leases) -> None:
        self._address: Final = address
        self._reads: Final = reads
        self._tell: Final = tell
        self._leases: Final = leases
        self._made: Final = dict[str, Bench]()
        self._links: Final = list[Link]()

    def __call__(self, name: str) -> Bench:
        """Return the bench of this name; its lease is asked for from now on."""
        if name not in self._made:
            link, lease = Link(self._address), self._leases.of(name)
            self._links.append(link)
            self._made[name] = bench_over(Fenced(self._reads, link, lease), self._tell, lease)
        return self._made[name]

    async def close(self) -> None:
        """Close the connections."""
        for link in self._links:
            await link.close()


def bench_over(database: Database, tell: Teller, duty: Duty) -> Bench:
    """Return the stores over a way to make transactions."""
    return Bench(
        enrolments=PostgresEnrolments(database),
        inquiries=PostgresInquiries(database, tell),
        feeds=PostgresFeeds(database, tell),
        incidents=PostgresIncidents(database),
        pauses=PostgresPauses(database),
        duty=duty,
    )
