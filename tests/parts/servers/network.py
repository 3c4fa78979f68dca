"""Machines that can be cut off: a network namespace each, and two networks between them.

Each member has a link of its own to each network. The members talk to each other over the one,
clients come over the other, so either can be cut without the other. This process is on both. Names
hold the process id and a letter, so that runs side by side don't meet, and what a killed run left
is found.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import cycle
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from tools.running.guardian import mind_namespace

_IP: Final = "/usr/sbin/ip"
_NAMED: Final = re.compile(r"\bcv(\d+)[a-z][a-z]")
_LETTERS: Final = cycle(ascii_lowercase)


class Side(IntEnum):
    """A network: the number is a part of its addresses."""

    MEMBERS = 1
    CLIENTS = 2


@dataclass(frozen=True)
class Place:
    """A machine of its own, as far as the network goes."""

    number: int
    run: str  # what all names of one run begin with
    prefix: str  # of both networks' addresses

    def address(self, side: Side) -> str:
        """Return this machine's address in one of its networks."""
        return f"{self.prefix}.{side}.{10 + self.number}"

    def inside(self, *command: str) -> tuple[str, ...]:
        """Return a command that runs there, in place of the process that starts it."""
        return (_IP, "netns", "exec", _namespace(self), *command)

    def cut(self, *sides: Side) -> None:
        """Take links down: packets are lost from now on, and nobody is told."""
        for side in sides:
            _ip("link", "set", _port(self, side), "down")

    def heal(self) -> None:
        """Bring all links up again."""
        for side in Side:
            _ip("link", "set", _port(self, side), "up")


@contextmanager
def machines(count: int) -> Iterator[tuple[Place, ...]]:
    """Make machines until the block is left. Takes root."""
    _sweep()
    run = f"cv{os.getpid()}{next(_LETTERS)}"
    try:
        prefix = _bridges(run)
        places = tuple(Place(number, run, prefix) for number in range(1, count + 1))
        for place in places:
            _ip("netns", "add", _namespace(place))
            mind_namespace(_namespace(place))
            _run(*place.inside(_IP, "link", "set", "lo", "up"))
            for side in Side:
                _link(place, side)
        yield places
    finally:
        _remove(run)


def _bridges(run: str) -> str:
    """Make both networks; return their addresses' prefix."""
    prefix = _free_prefix()
    for side in Side:
        _ip("link", "add", _bridge(run, side), "type", "bridge")
        _ip("addr", "add", f"{prefix}.{side}.1/24", "dev", _bridge(run, side))
        _ip("link", "set", _bridge(run, side), "up")
    return prefix


def _link(place: Place, side: Side) -> None:
    here, there = _port(place, side), f"eth{side}"
    namespace = _namespace(place)
    _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", namespace)
    _ip("link", "set", here, "master", _bridge(place.run, side), "up")
    _run(*place.inside(_IP, "addr", "add", f"{place.address(side)}/24", "dev", there))
    _run(*place.inside(_IP, "link", "set", there, "up"))


def _namespace(place: Place) -> str:
    return f"{place.run}m{place.number}"


def _bridge(run: str, side: Side) -> str:
    return f"{run}b{side}"


def _port(place: Place, side: Side) -> str:
    return f"{place.run}p{place.number}{side}"  # at most 15 characters: Linux allows no more


def _free_prefix() -> str:
    """Return the first two numbers of addresses that no route of this machine leads to."""
    routes = _said("-4", "route", "show", "table", "all")
    taken = [
        ipaddress.ip_network(found, strict=False)
        for found in re.findall(r"\b\d+\.\d+\.\d+\.\d+(?:/\d+)?", routes)
    ]
    for at in range(150):  # from another one in each process: several look at the same time
        second = 100 + (os.getpid() + at) % 150
        wanted = ipaddress.ip_network(f"10.{second}.0.0/16")
        if not any(wanted.overlaps(each) for each in taken if each.prefixlen > 0):
            return f"10.{second}"
    raise RuntimeError("no free addresses")


def _sweep() -> None:
    """Remove what a run left that was killed: those names have the id of a process that is gone."""
    names = _said("netns", "list") + _said("-o", "link", "show")
    for pid in {int(found) for found in _NAMED.findall(names)}:
        if not Path(f"/proc/{pid}").exists():
            _remove(f"cv{pid}[a-z]")


def _remove(run: str) -> None:
    # Unchecked: clusters that start side by side sweep the same remains, and one comes first.
    for name in re.findall(rf"\b{run}m\d+\b", _said("netns", "list")):
        subprocess.run([_IP, "netns", "del", name], check=False, capture_output=True)
    # A namespace's links go with it, once its last process is gone; the ports here at once.
    for name in re.findall(rf"\b{run}[pb]\d+\b", _said("-o", "link", "show")):
        subprocess.run([_IP, "link", "del", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    _run(_IP, *arguments)


def _said(*arguments: str) -> str:
    return _run(_IP, *arguments).stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True)


def as_postgres(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command that runs as the user postgres, in place of the process that starts it."""
    return (
        "/usr/bin/setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        "--",
        *command,
    )
