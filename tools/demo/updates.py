"""Chapter 3: one updater cycle, judged by what the simulator's own ledger says of each card."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cardvault.updater.v1.feed_service_pb2 import (
    FeedFile,
    FeedFileState,
    GetFeedFileRequest,
    ListFeedFilesRequest,
)
from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceStub
from rich.box import SIMPLE_HEAD
from rich.table import Table

from chassis.channel import open_channel
from tools.demo.cards import DemoCard
from tools.demo.story import Story

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceAsyncStub

_PATIENCE: Final = 120.0
_CODE: Final = re.compile(r"\b([A-Z0-9]{3})=([0-9]+)")

Seen = Mapping[str, Any]


class Change(NamedTuple):
    """One card before and after, masked but for `number`, and what its issuer says became of it."""

    card: DemoCard
    before: Seen
    after: Seen
    outcome: str
    new_last4: str | None

    @property
    def renumbered(self) -> bool:
        """Tell whether the card has another number now."""
        return bool(self.after["number"] != self.card.number)

    @property
    def kind(self) -> str:
        """Return what the vault did, in the simulator's codes."""
        if self.after["status"] == "CLOSED":
            return "ACL"
        if self.after["status"] == "NEEDS_CARDHOLDER":
            return "CCH"
        if self.renumbered:
            return "BRAND" if self.after["brand"] != self.before["brand"] else "NAN"
        expiries = [(seen["year"], seen["month"]) for seen in (self.before, self.after)]
        return "NED" if expiries[0] != expiries[1] else "same"

    @property
    def right(self) -> bool:
        """Tell whether the vault has what the issuer says, and nothing else changed."""
        kept = not self.renumbered
        match self.outcome:
            case "NAN" | "BRAND":
                return self.kind == self.outcome and self.after["number"][-4:] == self.new_last4
            case "ACL" | "CCH":
                return self.kind == self.outcome and kept
            case "NED":
                # An issuer asked about the expiry it printed says CUR: the counts tell how often.
                later = (self.after["year"], self.after["month"]) >= (
                    self.before["year"],
                    self.before["month"],
                )
                return self.kind in {"NED", "same"} and kept and later
            case _:
                return self.kind == "same" and kept


async def bring_cards_up_to_date(story: Story) -> None:
    """Run the updater and the simulator as processes until the answers are applied."""
    claims = story.claims
    claims.step("3 · one updater cycle")
    before = (await story.check("cards", tokens=story.tokens, purpose="refund"))["cards"]
    story.reveals.update(story.tokens)
    files = await _cycle(story)
    after = (await story.check("cards", tokens=story.tokens, purpose="refund"))["cards"]
    story.reveals.update(story.tokens)
    truths = await _truths(story)
    changes = [
        Change(card, was, now, truth["outcome"], truth["new_last4"])
        for card, was, now, truth in zip(story.cards, before, after, truths, strict=True)
    ]
    story.new_numbers = [change.after["number"] for change in changes if change.renumbered]
    _show_answers(story, files)
    _show_changes(story, [change for change in changes if change.card.asked])
    _claims_of_changes(story, changes)
    _claims_of_counts(story, changes, files)
    await _closed_cards(story, changes)


async def _cycle(story: Story) -> Sequence[FeedFile]:
    """Start simulator and updater; return the applied files once each account has one."""
    site = story.site
    accounts = len({card.account for card in story.cards if card.asked})
    simulator = site.process(
        "simulator",
        *("-m", "updater.simulator", "simulate", "--exchange", str(site.exchange)),
        *("--keys", str(site.data / "exchange-keys")),
        *("--simulator-keys", str(site.data / "simulator-keys")),
        *("--seed", str(story.plan.seed), "--poll-interval", "0.2"),
    )
    simulator.start()
    await site.start_updater()
    address = site.addresses["CARDVAULT_UPDATER_LISTEN"]
    with story.bar("answers: written, sent, answered, applied", accounts) as progress:
        async with open_channel(address, site.tls("operator")) as channel:
            feeds: FeedServiceAsyncStub = FeedServiceStub(channel)
            async with asyncio.timeout(_PATIENCE):
                while True:
                    response = await feeds.ListFeedFiles(ListFeedFilesRequest(), timeout=10)
                    ended = [f for f in response.feed_files if f.state != _VALIDATED]
                    progress.update(progress.task_ids[0], completed=len(ended))
                    if len(ended) >= accounts:
                        # A list leaves the counts out.
                        return [await _file(feeds, file.feed_file_id) for file in ended]
                    await asyncio.sleep(0.2)


async def _file(feeds: FeedServiceAsyncStub, feed_file_id: str) -> FeedFile:
    request = GetFeedFileRequest(feed_file_id=feed_file_id)
    return (await feeds.GetFeedFile(request, timeout=10)).feed_file


_PLAIN: Final[Mapping[str, Any]] = {
    "box": SIMPLE_HEAD,
    "show_edge": False,
    "padding": (0, 1, 0, 0),
    "pad_edge": False,
}
"""Tables that fit 80 columns."""

_VALIDATED: Final = FeedFileState.FEED_FILE_STATE_VALIDATED
_APPLIED: Final = FeedFileState.FEED_FILE_STATE_APPLIED


async def _truths(story: Story) -> list[Seen]:
    """Return what the simulator's ledger says became of each imported card."""
    numbers = "\n".join(card.number for card in story.cards).encode()
    said = await story.run(
        *("-m", "updater.simulator", "truth", "--seed", str(story.plan.seed)), stdin=numbers
    )
    return [json.loads(line) for line in said.splitlines()]


def _show_answers(story: Story, files: Sequence[FeedFile]) -> None:
    story.console.print("  What the networks said, and what the vault did:")
    table = Table(**_PLAIN)
    for name in ("outcome", "disposition"):
        table.add_column(name)
    table.add_column("cards", justify="right")
    for (outcome, disposition), count in sorted(answers_of(files).items()):
        table.add_row(outcome, disposition, f"{count:,}")
    story.console.print(table)


def answers_of(files: Sequence[FeedFile]) -> Counter[tuple[str, str]]:
    """Return the files' counts by outcome and disposition, as the updater's API tells them."""
    counts: Counter[tuple[str, str]] = Counter()
    for file in files:
        for each in file.counts:
            outcome, disposition = (_enum_name(each, field) for field in ("outcome", "disposition"))
            counts[outcome, disposition] += each.count
    return counts


def _enum_name(message: Any, field: str) -> str:
    """Return an enum field's value without the enum's own prefix."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    name: str = descriptor.enum_type.values_by_number[getattr(message, field)].name
    zero: str = descriptor.enum_type.values_by_number[0].name
    return name.removeprefix(zero.removesuffix("UNSPECIFIED"))


_SHOWN: Final = {
    "NAN": "new number",
    "BRAND": "new brand",
    "NED": "new expiry",
    "ACL": "closed",
    "CCH": "contact",
}


def _show_changes(story: Story, changes: Sequence[Change]) -> None:
    story.console.print("  Some of the cards that changed, revealed by their old tokens:")
    table = Table(**_PLAIN)
    for name in ("token", "what", "before", "after", "now"):
        table.add_column(name, no_wrap=True)
    for kind, words in _SHOWN.items():
        for change in [change for change in changes if change.kind == kind][:2]:
            was, now = change.before, change.after
            token = f"{was['token'][:4]}…{was['token'][-5:]}"
            table.add_row(token, words, _card(was), _card(now), _NOW[now["status"]])
    story.console.print(table)


def _card(seen: Seen) -> str:
    """Return a card in few characters, masked: scheme, BIN, last four, expiry."""
    scheme = seen["brand"][:4].title()
    return f"{scheme} {seen['bin']}…{seen['last4']} {seen['month']:02}/{seen['year'] % 100:02}"


_NOW: Final = {"ACTIVE": "active", "CLOSED": "closed", "NEEDS_CARDHOLDER": "contact"}


def _claims_of_changes(story: Story, changes: Sequence[Change]) -> None:
    claims = story.claims
    asked = [change for change in changes if change.card.asked]
    others = [change for change in changes if not change.card.asked]
    kinds = Counter(change.kind for change in asked)
    claims.claim(
        "the cycle brought every kind: " + ", ".join(f"{kinds[k]} {w}" for k, w in _SHOWN.items()),
        all(kinds[kind] for kind in _SHOWN),
    )
    wrong = [change for change in asked if not change.right]
    claims.claim(
        f"all {len(asked):,} cards asked about are as the issuers' ledger says",
        not wrong,
        Counter((change.outcome, change.kind) for change in wrong),
    )
    claims.claim(
        f"all {len(others):,} cards without consent or channel are as they were",
        all(change.after == change.before for change in others),
    )
    changed = [change for change in asked if change.kind in {"NAN", "BRAND"}]
    claims.claim(
        f"all {len(changed)} renumbered cards are revealed, with the new number, by the old token",
        all(
            change.after["token"] == change.before["token"]
            and change.after["version"] == change.before["version"] + 1
            for change in changed
        ),
    )


def _claims_of_counts(story: Story, changes: Sequence[Change], files: Sequence[FeedFile]) -> None:
    """Compare three counts: the simulator's of what it sent, the updater's, and the vault's."""
    sent: Counter[str] = Counter()
    log = story.site.logs / "simulator.log"
    for line in log.read_text().splitlines():
        if line.startswith("answered "):
            sent.update({code: int(count) for code, count in _CODE.findall(line)})
    kinds = Counter(change.kind for change in changes if change.card.asked)
    done = {
        "NAN": kinds["NAN"] + kinds["BRAND"],
        **{kind: kinds[kind] for kind in ("NED", "ACL", "CCH")},
    }
    story.claims.claim(
        "as many changes as the simulator sent answers: "
        + ", ".join(f"{count} {code}" for code, count in done.items()),
        all(sent[code] == count for code, count in done.items()),
        sent,
    )
    total = sum(sent.values())
    story.claims.claim(
        f"each of its {total:,} answers is accounted for in the updater's report",
        all(file.state == _APPLIED for file in files)
        and sum(answers_of(files).values()) == sum(f.record_count for f in files) == total,
        answers_of(files),
    )


async def _closed_cards(story: Story, changes: Sequence[Change]) -> None:
    closed = [change.after["token"] for change in changes if change.kind == "ACL"]
    found = (await story.check("cards", tokens=closed, purpose="payment"))["cards"]
    story.claims.claim(
        f"the {len(closed)} closed cards are revealed for refunds, and for payments no more",
        all(seen["refused"] and not seen["number"] for seen in found)
        and all(change.after["number"] for change in changes if change.kind == "ACL"),
        Counter(seen["refused"] for seen in found),
    )
