"""Make answers with one disturbance, and read them."""

from collections.abc import Sequence
from pathlib import Path

from tests.unit.simulator.exchange_site import Delivered, Site, number
from tests.unit.simulator.readers import Read, Seen, Unusable, read
from tests.unit.simulator.requests import CS, request
from updater.simulator.disturbances import Disturbances
from updater.simulator.ledger import Outcome, Rates
from updater.simulator.script import Script

HOW_MANY = 1_000
CARDS = [number(counter) for counter in range(HOW_MANY)]
NEWS = Rates({Outcome.NEW_NUMBER: 100})
NO_NEWS = Rates({Outcome.CURRENT: 100})
MIXED = Rates({Outcome.CURRENT: 40, Outcome.NEW_NUMBER: 40, Outcome.CLOSED: 20})


def script(rates: Rates, **disturbed: float) -> Script:
    return Script(rates=rates, disturbances=Disturbances(**disturbed))  # type: ignore[arg-type]


def arrived(root: Path, rules: Script, *, form: str = CS, flag: str = "V") -> list[Delivered]:
    site = Site(root, form)
    prefix = {"V": "41111111", "D": "60111111"}[flag]
    site.send(request(form, [number(n, prefix) for n in range(HOW_MANY)], flag=flag))
    return site.deliver_all(script=rules)


def files(root: Path, rules: Script, *, form: str = CS, flag: str = "V") -> list[Read]:
    return [read(form, file.text) for file in arrived(root, rules, form=form, flag=flag)]


def rows(root: Path, rules: Script, *, form: str = CS) -> Sequence[Seen]:
    [file] = files(root, rules, form=form)
    return file.rows


def near(count: int, percent: float, of: int = HOW_MANY) -> bool:
    """Tell whether a count is within four standard deviations of what its rate promises."""
    share = percent / 100
    return abs(count - of * share) <= 4 * float((of * share * (1 - share)) ** 0.5)


def many_batches(root: Path, rules: Script, form: str = CS) -> list[Delivered]:
    site = Site(root, form)
    for batch in range(100):
        text = request(form, CARDS[:3], batch=f"{batch:03}")
        site.send(text, batch=f"{batch:03}")
    return site.deliver_all(script=rules)


def is_whole(form: str, text: bytes) -> bool:
    try:
        read(form, text)
    except Unusable:
        return False
    return True
