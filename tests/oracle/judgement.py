"""Read what the simulator knows and what vault and updater tell, and have it judged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import grpc
from cardvault.vault.v1.card_pb2 import CardStatus, HoldType
from cardvault.vault.v1.reveal_service_pb2 import BatchDetokenizeRequest
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2 import BatchGetCardsRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import open_channel, tenant_metadata
from tests.oracle.installation import Installation
from tests.oracle.judge import Judge, Verdict
from tests.oracle.judge_cards import HOME
from tests.oracle.networks import setup_of
from tests.oracle.operator import Operator
from tests.oracle.plan import CHANNELS, OTHER_TENANT, ChannelPlan
from tests.oracle.record import Contents, Seen, Sent, SentFile, Stored, Truth, VaultCounts
from updater.simulator.journal import deliveries
from updater.simulator.plan import What
from updater.simulator.setup import JOURNAL
from updater.simulator.truth import Standing

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceAsyncStub
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

_BATCH: Final = 500
_DEADLINE: Final = 60.0
_AHEAD: Final = 3
_GOOD: Final = frozenset({What.ANSWER.value, What.AGAIN.value})


class Judgement:
    """Judges one installation at rest, over the APIs of its running services."""

    def __init__(
        self, installation: Installation, operator: Operator, stored: Sequence[Stored]
    ) -> None:
        self._installation: Final = installation
        self._operator: Final = operator
        self._stored: Final = stored
        self._judge: Final = Judge()
        self.kinds: Final[Counter[str]] = Counter()
        """Rows in good files by why they were sent, as the simulator tells it."""
        self.given: Final[list[str]] = []
        """Numbers that cards were given: what a scan has to look for, too."""

    async def judge(self) -> Verdict:
        """Judge everything: files and rows, then cards, then the totals."""
        judge, operator = self._judge, self._operator
        sent = [each for channel in CHANNELS for each in self._sent(channel)]
        told, exceptions = await operator.files(), await operator.exceptions()
        for each, file in judge.listing(sent, told, exceptions):
            judge.file(each, file, await operator.answers(file.feed_id))
        await self._cards()
        asked = [card for card in self._stored if card.tenant == HOME and card.account]
        twins = len(asked) - len({card.contents.number for card in asked})
        return judge.totals(self._installation.plan.answers, self._vault_counts(), twins)

    def _vault_counts(self) -> VaultCounts:
        path = self._installation.site.data / "vault.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            [decided] = db.execute("SELECT count(*) FROM applied_updates").fetchone()
            [waiting] = db.execute("SELECT count(*) FROM parked_updates").fetchone()
        return VaultCounts(decided, waiting)

    def _sent(self, channel: ChannelPlan) -> Iterator[SentFile]:
        """Yield a channel's files as the simulator's own journal has them."""
        for each in deliveries(self._installation.exchange(channel) / JOURNAL):
            good = each["what"] in _GOOD
            if good:
                self.kinds.update(each["kinds"])
            name, *again = each["files"]
            what = Sent.GOOD if good else Sent.UNUSABLE
            yield SentFile(channel.name, name, what, each["records"], tuple(again))

    async def _cards(self) -> None:
        site = self._installation.site
        async with (
            open_channel(site.vault_address, site.tls("app")) as app,
            open_channel(site.vault_address, site.tls("psp")) as psp,
        ):
            reader = _Reader(app, psp)
            for tenant in (HOME, OTHER_TENANT):
                expected = self._expected() if tenant == HOME else self._left(OTHER_TENANT)
                await self._read_ahead(reader, tenant, expected)

    async def _read_ahead(
        self, reader: _Reader, tenant: str, expected: Iterator[tuple[Stored, Truth | None]]
    ) -> None:
        """Judge cards while the next ones are read: the vault needn't wait for the judge."""
        ahead: deque[tuple[list[tuple[Stored, Truth | None]], asyncio.Task[Mapping[str, Seen]]]]
        ahead = deque()
        async with asyncio.TaskGroup() as tasks:
            while True:
                part = list(islice(expected, _BATCH))
                if part:
                    reading = reader.cards(tenant, [card.token for card, _ in part])
                    ahead.append((part, tasks.create_task(reading)))
                if not ahead:
                    return
                if not part or len(ahead) > _AHEAD:
                    first, reading_first = ahead.popleft()
                    self._judged(first, await reading_first)

    def _judged(
        self, part: Sequence[tuple[Stored, Truth | None]], seen: Mapping[str, Seen]
    ) -> None:
        for card, truth in part:
            self._judge.card(card, truth, seen.get(card.token))
            self.given.extend(truth.chain[1:] if truth else ())

    def _expected(self) -> Iterator[tuple[Stored, Truth | None]]:
        """Yield each of the home tenant's cards once, with the simulator's word on it."""
        holders: dict[tuple[str, str], list[Stored]] = defaultdict(list)
        for card in self._stored:
            if card.tenant == HOME and card.account:
                holders[card.account, card.contents.number].append(card)
        for channel in CHANNELS:
            with setup_of(self._installation, channel).acquirer() as acquirer:
                for case, question, standing in acquirer.standings():
                    truth = _truth(case.batch, standing)
                    for card in holders.pop((channel.account, question.number), ()):
                        yield card, truth
        if holders:  # each was asked about, by the count of questions
            raise RuntimeError("the simulator doesn't know of a card that was asked about")
        yield from self._left(HOME)

    def _left(self, tenant: str) -> Iterator[tuple[Stored, Truth | None]]:
        """Yield a tenant's bystanders."""
        for card in self._stored:
            if card.tenant == tenant and (tenant != HOME or not card.account):
                yield card, None


def _truth(inquiry: str, standing: Standing) -> Truth:
    expiry = standing.expiry
    return Truth(
        inquiry=inquiry,
        final=Contents(standing.final.reveal(), (expiry.year, expiry.month) if expiry else (0, 0)),
        chain=tuple(each.reveal() for each in standing.chain),
        status=standing.status.value,
        determined=standing.determined,
        news=standing.news,
        marks=frozenset(each.value for each in standing.marks),
    )


class _Reader:
    """Reads cards back: masked as the application, revealed for refunds as the processor."""

    def __init__(self, app: grpc.aio.Channel, psp: grpc.aio.Channel) -> None:
        self._vault: Final[VaultServiceAsyncStub] = VaultServiceStub(app)
        self._reveal: Final[RevealServiceAsyncStub] = RevealServiceStub(psp)

    async def cards(self, tenant: str, tokens: Sequence[str]) -> Mapping[str, Seen]:
        """Return what can be seen of cards, by token."""
        metadata = tenant_metadata(tenant)
        getting = self._vault.BatchGetCards(
            BatchGetCardsRequest(tokens=tokens), timeout=_DEADLINE, metadata=metadata
        )
        revealing = self._reveal.BatchDetokenize(
            BatchDetokenizeRequest(tokens=tokens, purpose="refund"),
            timeout=_DEADLINE,
            metadata=metadata,
        )
        masked, revealed = await getting, await revealing
        return {
            token: _seen(card.response.card, shown.response.card)
            for token, card, shown in zip(tokens, masked.results, revealed.results, strict=True)
            if card.HasField("response")
        }


def _seen(card: Any, shown: Any) -> Seen:
    expiry = (shown.expiry_year, shown.expiry_month)
    return Seen(
        contents=Contents(shown.number, expiry) if shown.number else None,
        status=CardStatus.Name(card.status).removeprefix("CARD_STATUS_"),
        holds=frozenset(
            f"{HoldType.Name(each.type).removeprefix('HOLD_TYPE_')}/{each.merchant_account}"
            for each in card.holds
        ),
        version=card.credential_version,
    )
