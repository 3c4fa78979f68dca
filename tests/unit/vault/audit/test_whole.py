"""Keys, ledger, chains, checkpoints and the verifier together, over the embedded store."""

import asyncio
from pathlib import Path

import apsw

from tests.doubles.clocks import FakeClock
from vault.adapters.audit_verify.findings import Kind
from vault.adapters.audit_verify.proofs import prove
from vault.adapters.audit_verify.verify import verify_audit
from vault.adapters.local_kms import LocalKms
from vault.adapters.sqlite.open import open_sqlite
from vault.crypto.checkpoints import PublicKeys
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Applied
from vault.usecases.chain_start import Started, new_chain_id, start_chain, stop_entry
from vault.usecases.checkpointer import Checkpointer, Pace, checkpoint_keys, public_pem
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger

KMS = LocalKms(b"\x01" * 8, b"\x02" * 32)


async def _process(path: Path, clock: FakeClock, *, dies: bool) -> tuple[Started, bytes]:
    """Run a vault's ledger as the server wires it; return its start and the public keys."""
    clock.advance(1.0)
    async with open_sqlite(path) as engine, asyncio.TaskGroup() as group:
        maker = KeyMaker(engine.keys, KMS, clock.now_us)
        keys = await checkpoint_keys(maker)
        chain = new_chain_id(clock.now_us())
        started = await start_chain(engine.store, engine.audit, chain, clock.now_us)
        checkpointer = Checkpointer(engine.audit, keys, clock.now_us, Pace(interval_s=60.0))
        await checkpointer.resume(started)
        ledger = GroupCommitLedger(
            store=engine.store,
            reader=engine.reader,
            keyring=CachedKeyring(maker, clock),
            decider=Decider(lambda _event: None),
            chain=chain,
            now_us=clock.now_us,
            committed=checkpointer.committed,
        )
        group.create_task(ledger.run())
        for turn in range(3):
            note = Entry(Caller("acme", "app"), Note("card.reveal", "refused", "STATUS_FORBIDS"))
            outcomes = await ledger.apply([note] * 40)
            assert all(isinstance(outcome, Applied) for outcome in outcomes)
            if turn < 2:
                await checkpointer.checkpoint()
        if not dies:
            assert isinstance((await ledger.apply([stop_entry()]))[0], Applied)
        ledger.close()
        if not dies:
            await checkpointer.checkpoint()
        return started, public_pem(keys)


async def test_an_audit_of_three_lives_verifies_with_the_public_key_alone(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "vault.db"
    lives = [await _process(path, clock, dies=dies) for dies in (True, False, False)]
    assert len({pem for _started, pem in lives}) == 1
    assert [len(started.ended) for started, _pem in lives] == [0, 1, 1]
    keys = PublicKeys.from_pem(lives[0][1])
    report = verify_audit(path, keys)
    assert report.findings == []
    assert (report.chains, report.records, report.behind) == (3, 121 + 122 + 122, 0)
    chain = lives[0][0].row.chain
    assert prove(path, chain, 121, keys).holds(keys)


async def test_a_life_that_was_cut_short_by_hand_is_named(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "vault.db"
    started, pem = await _process(path, clock, dies=True)
    await _process(path, clock, dies=False)
    chain = started.row.chain
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM audit WHERE chain = ? AND sequence > 100", (chain,))
    db.close()
    findings = verify_audit(path, PublicKeys.from_pem(pem)).findings
    assert [each[:4] for each in findings] == [(Kind.TRUNCATED, chain, 101, 121)]
