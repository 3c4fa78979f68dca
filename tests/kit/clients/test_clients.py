"""Programs in other languages, made from the protos alone, against the vault as it is run."""

from __future__ import annotations

import re
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from cryptography.x509 import UniformResourceIdentifier

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.pki import Leaf, ensure_pki
from tests.doubles.chassis_certs import issue
from tests.kit.clients.front import losing_front
from tests.kit.clients.programs import Outcome, Program
from tools.running.site import Site

TOKEN = r"tok_[0-9a-z]{26}"
STORY = re.compile(
    rf"""stored: (?P<visa>{TOKEN}), BRAND_VISA \*{{4}} 1111, created=true
again: (?P=visa), BRAND_VISA \*{{4}} 1111, created=true
batch: (?P<mastercard>{TOKEN}), BRAND_MASTERCARD \*{{4}} 4444
batch: (?P<amex>{TOKEN}), BRAND_AMEX \*{{4}} 0005
batch: ERROR_REASON_CARD_NUMBER_INVALID
revealed: (?P=mastercard), 16 digits, ending in 4444
revealed: (?P=amex), 15 digits, ending in 0005
revealed: (?P=visa), 16 digits, ending in 1111
refused: ERROR_REASON_PERMISSION_DENIED
"""
)


@pytest.fixture
def address(vault: Site) -> str:
    """Return where the vault is, by the name in its certificate."""
    return f"localhost:{vault.vault_address.rpartition(':')[2]}"


@pytest.fixture
def pki(vault: Site) -> Path:
    """Return the vault's certificates."""
    return vault.data / "pki"


@pytest.fixture
def customer() -> str:
    """Return a customer without cards."""
    return f"customer-{uuid.uuid4()}"


def _story(outcome: Outcome) -> re.Match[str]:
    """Return what a run that went well has told."""
    assert (outcome.status, outcome.err) == (0, "")
    told = STORY.fullmatch(outcome.out)
    assert told is not None, outcome.out
    return told


def _said(outcome: Outcome) -> str:
    """Return what a failed run says last: gRPC's C library logs a failed handshake before it."""
    assert (outcome.status, outcome.out) == (1, "")
    return outcome.err.splitlines()[-1]


async def test_it_stores_repeats_reveals_and_is_refused(
    program: Program, vault: Site, address: str, pki: Path, customer: str
) -> None:
    told = _story(program.run(address, pki, customer))
    async with vault.channel("app") as channel:
        stub = VaultServiceStub(channel)
        for name, last4 in (("visa", "1111"), ("mastercard", "4444"), ("amex", "0005")):
            reply = await stub.GetCard(GetCardRequest(token=told[name]), timeout=10)
            assert (reply.card.customer, reply.card.last4) == (customer, last4)
            assert reply.card.revision == 1  # repeated, and yet applied once


def test_a_lost_answer_is_asked_for_again_and_applied_once(
    program: Program, vault: Site, pki: Path, customer: str
) -> None:
    with losing_front(vault) as (front, address):
        _story(program.run(address, pki, customer))
    assert front.calls == {
        "Tokenize": 4,
        "BatchTokenize": 2,
        "BatchDetokenize": 2,
        "Detokenize": 4,
    }
    # Ten seconds, and a little for how gRPC rounds them.
    assert all(left is not None and 0 < left < 11 for left in front.deadlines)


def test_a_bad_field_is_named(program: Program, address: str, pki: Path) -> None:
    said = _said(program.run(address, pki, "no such alphabet"))
    assert said == "refused: ERROR_REASON_INVALID_FIELD; customer: string.pattern"


def test_a_card_number_where_none_belongs_is_not_repeated(
    program: Program, address: str, pki: Path
) -> None:
    said = _said(program.run(address, pki, test_pan(Brand.VISA, 7)))
    assert said.startswith("refused: ERROR_REASON_CARD_NUMBER_IN_OTHER_FIELD; customer: ")


def test_an_identity_that_no_policy_knows(
    program: Program, address: str, pki: Path, customer: str, tmp_path: Path
) -> None:
    own = shutil.copytree(pki, tmp_path / "pki")
    issue(own, "app", [UniformResourceIdentifier("spiffe://demo/nobody")])
    said = _said(program.run(address, own, customer))
    assert said == "refused: ERROR_REASON_UNAUTHENTICATED"


@pytest.mark.parametrize("whose", ["the client's", "the vault's"])
def test_a_certificate_of_an_authority_that_the_other_does_not_know(
    program: Program, address: str, pki: Path, customer: str, tmp_path: Path, whose: str
) -> None:
    ensure_pki(tmp_path, (Leaf("app"), Leaf("psp")), now=datetime.now(UTC))
    if whose == "the client's":
        shutil.copy(pki / "ca.pem", tmp_path)
    else:
        for name in ("app.pem", "app.key", "psp.pem", "psp.key"):
            shutil.copy(pki / name, tmp_path)
    said = _said(program.run(address, tmp_path, customer))
    assert said.casefold().startswith("failed: unavailable: ")


def test_certificates_that_are_not_there(
    program: Program, address: str, customer: str, tmp_path: Path
) -> None:
    said = _said(program.run(address, tmp_path / "none", customer))
    assert said.startswith("failed: ")
    assert str(tmp_path / "none") in said


def test_it_says_how_it_is_used(program: Program) -> None:
    outcome = program.run_without_arguments()
    assert outcome.status != 0
    assert outcome.out == ""
    assert re.fullmatch(r"usage: .*ADDRESS PKI CUSTOMER\n", outcome.err)
