"""Play on a vault with a plant in it, until the plant has struck and the checker has seen it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from tests.histories.clients import Send
from tests.histories.dice import Dice
from tests.histories.grounds import Ground, rounds, running
from tests.histories.history import Kind
from tests.histories.plants import Plant
from vault.adapters.memory.ports import open_memory

OPERATIONS: Final = 80
_TRIES: Final = 60
_GROUND: Final = Ground("memory", lambda _place: open_memory())


@dataclass(frozen=True, slots=True)
class Caught:
    """What came of a plant: how often it struck, and the first finding."""

    struck: int
    found: str

    def by(self, plant: type[Plant]) -> bool:
        """Tell whether it struck and was given a name that fits."""
        named = any(self.found.startswith(str(anomaly)) for anomaly in plant.named)
        return self.struck > 0 and named


async def planted(kind: type[Plant], seed: str) -> Caught:
    """Return what the checker says of a plant; no other fault is there, but doubt."""
    struck = 0
    for turn in range(_TRIES):
        name = f"{seed}/{kind.__name__}/{turn}"
        plant = kind()
        dice = Dice(random.Random(f"{name}/dice"), in_doubt=0.05, away=0.0, killed=0.0)
        async with running(_GROUND, [plant.engine], name, dice) as (sends, _dice):
            through = [_through(plant, send) for send in sends]
            played = await rounds(name, OPERATIONS, through, 1, clients=4, calls=18)
        struck += plant.struck
        if played.found:
            return Caught(struck, played.found[0])
    return Caught(struck, "")


def _through(plant: Plant, inner: Send) -> Send:
    async def send(kind: Kind, request: Message) -> Any:
        return await plant.send(inner, kind, request)

    return send
