"""Any card that the domain takes comes back as it was; equal numbers have equal fingerprints.

Numbers are drawn as (brand, counter, length) and made inside the tests: what Hypothesis prints of a
failure holds no card number.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cards.brands import Brand, rule
from cards.expiry import Expiry
from cards.pan import Pan
from cards.testcards import PUBLISHED
from cards.testcards import test_pan as digits_of
from tests.doubles.decide_bench import DecideBench, edit, entry_of, look, new_card
from vault.domain.card import Kind, TokenFormat, metadata_of
from vault.domain.contents import Contents
from vault.domain.intents import AddCard, EditCard

SHAPES = [(brand, length) for brand in PUBLISHED for length in sorted(rule(brand).lengths)]
SEEDS = st.tuples(st.sampled_from(SHAPES), st.integers(0, 999))
FEW_SEEDS = st.tuples(st.sampled_from(SHAPES[:3]), st.integers(0, 2))
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
EXPIRIES = st.none() | st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12))
Seed = tuple[tuple[Brand, int], int]


def pan_of(seed: Seed) -> Pan:
    (brand, length), counter = seed
    return Pan(digits_of(brand, counter, length))


@given(
    seed=SEEDS,
    expiry=EXPIRIES,
    name=TEXT,
    address=TEXT,
    kind=st.sampled_from(Kind),
    token_format=st.sampled_from(TokenFormat),
    customer=TEXT,
    metadata=st.dictionaries(TEXT, TEXT, max_size=3),
    renamed=st.none() | TEXT,
)
@settings(deadline=None, max_examples=300)
def test_what_goes_in_comes_out(
    *,
    seed: Seed,
    expiry: Expiry | None,
    name: str,
    address: str,
    kind: Kind,
    token_format: TokenFormat,
    customer: str,
    metadata: dict[str, str],
    renamed: str | None,
) -> None:
    bench = DecideBench()
    sent = Contents(pan_of(seed), expiry, name, address)
    card = bench.card(
        AddCard(sent, kind, token_format, customer, metadata=tuple(sorted(metadata.items())))
    )
    if renamed is not None:  # sealed again, as another revision
        card = bench.card(edit(card.token, cardholder_name=renamed))
    got = bench.reveal(card.token)
    same = (got.pan, got.expiry, got.billing_address) == (sent.pan, expiry, address)
    assert same
    assert got.cardholder_name == (name if renamed is None else renamed)
    assert (card.kind, card.customer) == (kind, customer)
    assert metadata_of(card) == metadata
    columns = (card.brand, card.bin, card.last4, card.expiry)
    wanted = (sent.pan.brand, sent.pan.bin(8), sent.pan.last4, expiry.as_int if expiry else 0)
    assert columns == wanted
    number = sent.pan.reveal().encode()
    stored = repr((bench.tables.cards, bench.tables.audit, bench.tables.outbox)).encode()
    leaked = number in stored or number in (card.sealed or b"")
    assert leaked is False


HOLDERS = st.tuples(
    st.sampled_from(["demo", "other"]), st.sampled_from([Kind.FPAN, Kind.DPAN]), FEW_SEEDS
)


@given(holders=st.lists(HOLDERS, min_size=2, max_size=8), together=st.booleans())
@settings(deadline=None, max_examples=200)
def test_fingerprints_agree_where_tenant_kind_and_number_do(
    holders: list[tuple[str, Kind, Seed]], *, together: bool
) -> None:
    bench = DecideBench()
    entries = [
        entry_of(new_card(pan_of(seed), kind=kind), tenant=tenant) for tenant, kind, seed in holders
    ]
    if together:
        outcomes = bench.flush(*entries)
    else:
        outcomes = [outcome for entry in entries for outcome in bench.flush(entry)]
    values: list[Any] = [outcome.value for outcome in outcomes]  # type: ignore[union-attr]
    fingerprints = dict[tuple[str, Kind, Seed], set[str]]()
    for holder, value in zip(holders, values, strict=True):
        fingerprints.setdefault(holder, set()).add(value.card.fingerprint)
    assert all(len(found) == 1 for found in fingerprints.values())
    assert len(set().union(*fingerprints.values())) == len(fingerprints)
    assert len(bench.tables.numbers) == len(fingerprints)


@given(seeds=st.lists(FEW_SEEDS, min_size=2, max_size=6))
@settings(deadline=None, max_examples=100)
def test_a_card_that_takes_any_numbers_in_turn_shows_each_version_as_it_was(
    seeds: list[Seed],
) -> None:
    bench = DecideBench()
    token = bench.card(new_card(pan_of(seeds[0]))).token
    kept = [seeds[0]]
    for seed in seeds[1:]:
        bench.card(EditCard(token, 0, frozenset({"card.number"}), pan=pan_of(seed)))
        if seed != kept[-1]:
            kept.append(seed)
    for number, seed in enumerate(kept, 1):
        outcome: Any = bench.do(look(token, credential_version=number, superseded_too=True))
        same = outcome.value.contents.pan == pan_of(seed)
        assert same
    assert len(bench.tables.versions) == len(kept) - 1
    assert len(bench.tables.numbers) == len(set(kept))
