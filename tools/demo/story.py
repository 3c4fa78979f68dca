"""The demo's story, chapter by chapter; each ends in claims."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.demo.cards import DemoCard, make_cards, make_load, read_mapping, write_csv
from tools.demo.claims import Claims
from tools.demo.load import LoadedKill
from tools.running.site import Site


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it: `cards` imported, `load` stored while the vault is killed."""

    cards: int = 1_200
    load: int = 600
    seed: int = 20_261


@dataclass(slots=True, repr=False)
class Story:
    """What the chapters share. Never printed: it holds numbers."""

    site: Site
    home: Path
    plan: Plan
    console: Console
    claims: Claims
    cards: list[DemoCard] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    load_numbers: list[str] = field(default_factory=list)
    new_numbers: list[str] = field(default_factory=list)
    reveals: Counter[str] = field(default_factory=Counter)

    @property
    def numbers(self) -> list[str]:
        """Return every number that was ever in this vault, each once."""
        return list(
            dict.fromkeys([*(c.number for c in self.cards), *self.load_numbers, *self.new_numbers])
        )

    async def check(self, job: str, **what: Any) -> dict[str, Any]:
        """Have the second process do a job over the API."""
        question = {
            "job": job,
            "address": self.site.vault_address,
            "pki": str(self.site.data / "pki"),
            **what,
        }
        done = await self.run("-m", "tools.demo.checker", stdin=json.dumps(question).encode())
        answer: dict[str, Any] = json.loads(done)
        return answer

    async def run(self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,)) -> bytes:
        """Run a command as a process and return what it printed."""
        done = await asyncio.to_thread(self.site.run, *arguments, stdin=stdin, accept=accept)
        return done.stdout

    async def exit_code(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str]:
        """Run a command that may fail; return its status and what it printed."""
        done = await asyncio.to_thread(
            self.site.run, *arguments, stdin=stdin, accept=tuple(range(256))
        )
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Show that something is under way."""
        with self.console.status(text):
            yield

    @contextmanager
    def bar(self, text: str, total: int) -> Iterator[Progress]:
        """Show a progress bar with one task, the first."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            progress.add_task(text, total=total)
            yield progress


async def bring_cards_in(story: Story) -> None:
    """Chapter 1: a CSV file goes in through `cardvault import`, tokens come out."""
    plan, claims, site = story.plan, story.claims, story.site
    claims.step(f"1 · {plan.cards:,} cards come in from a CSV file")
    story.cards = make_cards(plan.cards, plan.seed)
    source, mapping = story.home / "cards.csv", story.home / "tokens.csv"
    write_csv(source, story.cards)
    command = (
        *("-m", "vault", "import", "--csv", str(source), "--server", site.vault_address),
        *("--dir", str(site.data), "--mapping", str(mapping)),
    )
    with story.bar("cardvault import", len(story.cards)) as progress:
        said = (await story.run(*command)).decode().strip()
        progress.update(progress.task_ids[0], completed=len(story.cards))
    story.console.print(f"  cardvault import: {said.split(';')[0]}", highlight=False)
    rows = read_mapping(mapping)
    story.tokens = [rows.get(ordinal, "") for ordinal in range(1, len(story.cards) + 1)]
    claims.claim(
        f"each of the {plan.cards:,} rows has a token of its own",
        all(story.tokens) and len(set(story.tokens)) == len(story.cards),
    )
    mapping.unlink()
    again = (await story.run(*command)).decode()
    replayed = read_mapping(mapping)
    claims.claim(
        "the same import again replays: the same tokens, no second card",
        [replayed.get(row) for row in range(1, len(story.cards) + 1)] == story.tokens
        and again.startswith(f"imported {len(story.cards)} cards, 0 known before, 0 failed"),
    )
    with story.busy("a second process reveals every card"):
        await _compare_all(story)
        denied = await story.check("denied", token=story.tokens[0])
    claims.claim(
        "the application that stored them may not reveal one", denied["code"] == "PERMISSION_DENIED"
    )


async def _compare_all(story: Story) -> None:
    cards = [
        (token, card.number, card.month, card.year)
        for token, card in zip(story.tokens, story.cards, strict=True)
    ]
    found = await story.check("reveals", cards=cards)
    story.reveals.update(story.tokens)
    story.claims.claim(
        f"a second process reveals all {found['checked']:,} over the API: number and expiry as "
        "they went in",
        found["wrong"] == 0,
        found,
    )


async def kill_it_under_load(story: Story) -> None:
    """Chapter 2: `kill -9` in the middle of the clients' work; their history is the judge."""
    plan, claims = story.plan, story.claims
    claims.step("2 · kill -9 of the vault while clients are under way")
    load = make_load(plan.load)
    story.load_numbers = [card.number for card in load]
    with story.bar("clients: tokenize, reveal", len(load)) as progress:
        work = LoadedKill(
            story.site,
            load,
            kill_after=plan.load // 3,
            progress=lambda: progress.advance(progress.task_ids[0]),
        )
        history = await work.run()
    story.console.print(
        f"  SIGKILL after {history.acknowledged_at_kill} acknowledgements with "
        f"{history.in_flight_at_kill} calls in flight; {history.failed_calls} calls failed and "
        "were sent again under their request ids",
        highlight=False,
    )
    claims.claim(
        "the kill hit calls in flight", history.in_flight_at_kill > 0 and history.failed_calls > 0
    )
    for attempt in history.attempts:
        story.reveals[attempt.token] += attempt.revealed
    with story.busy("a second process asks for everything that was acknowledged"):
        cards = [(a.token, a.card.number, a.card.month, a.card.year) for a in history.attempts]
        found = await story.check("reveals", cards=cards)
        attempts = [
            (a.request_id, a.card.customer, a.card.number, a.token) for a in history.attempts
        ]
        effects = await story.check("effects", attempts=attempts, month=12, year=2029)
    story.reveals.update(attempt.token for attempt in history.attempts)
    claims.claim(
        f"nothing acknowledged is missing: {found['checked']} of {found['checked']} are revealed",
        found["wrong"] == 0,
        found,
    )
    claims.claim(
        "one effect per request id: each replays to its token, each number has one token",
        effects["replayed"] == effects["single"] == effects["checked"],
        effects,
    )
    with story.busy("a second process asks for the imported cards again"):
        await _compare_all(story)


async def prove_the_audit(story: Story, checkpoint: Path) -> None:
    """Chapter 5: the audit has every reveal, and verifies from a copy and a public key."""
    claims = story.claims
    claims.step("5 · the audit")
    with story.busy("a second process reads the audit"):
        seen = await story.check("audited", reveals=dict(story.reveals))
    claims.claim(
        f"every number that came out is in the audit ({seen['reveals']:,} reveals)",
        seen["missing"] == 0 and seen["reveals"] >= story.reveals.total(),
        seen,
    )
    await story.site.vault.stop()
    apart = story.home / "auditor"
    apart.mkdir()
    copy, key = apart / "copy.db", apart / "audit-public.pem"
    shutil.copyfile(story.site.data / "vault.db", copy)
    shutil.copyfile(story.site.data / "audit-public.pem", key)
    code, said = await _verify(story, copy, key, checkpoint)
    claims.claim("cardvault audit verify, with a copy and the public key: intact", code == 0, said)
    story.console.print(f"    {said.splitlines()[-1]}", highlight=False)
    place = edit_one_record(copy)
    code, said = await _verify(story, copy, key, checkpoint)
    claims.claim(
        "one edited record in the copy: verify names it",
        code == 1
        and any(line.startswith("EDITED") and place in line for line in said.splitlines()),
        said,
    )
    await story.site.start_vault()


async def _verify(story: Story, copy: Path, key: Path, checkpoint: Path) -> tuple[int, str]:
    with story.busy("cardvault audit verify"):
        return await story.exit_code(
            *("-m", "vault", "audit", "verify", "--database", str(copy)),
            *("--public-key", str(key), "--checkpoint", str(checkpoint)),
        )


def edit_one_record(database: Path) -> str:
    """Change who did it in one record in the middle; return how findings name that record."""
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT chain, sequence, record FROM audit ORDER BY chain, sequence")
        found = rows.fetchall()
        chain, sequence, record = found[len(found) // 2]
        edited = bytes(record).replace(b"spiffe", b"spitfe", 1)
        db.execute(
            "UPDATE audit SET record = ? WHERE chain = ? AND sequence = ?",
            (edited, chain, sequence),
        )
    db.close()
    return f"chain {chain} record {sequence}:"
