"""What examples/clients/README.md says of repeating a change is there, and is true."""

from __future__ import annotations

import uuid

import pytest
from cardvault.vault.v1.card_pb2 import CardDetails
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan
from tools.running.site import ROOT, Site


def _new_card(customer: str, index: int) -> TokenizeRequest:
    card = CardDetails(number=test_pan(Brand.VISA, index), expiry_month=12, expiry_year=2030)
    return TokenizeRequest(request_id=str(uuid.uuid4()), card=card, customer=customer)


@pytest.mark.parametrize("said", ["DEADLINE_EXCEEDED", "RetryInfo"])
def test_the_readme_speaks_of(said: str) -> None:
    assert said in (ROOT / "examples" / "clients" / "README.md").read_text()


async def test_an_item_goes_into_another_batch_or_alone_as_it_was(vault: Site) -> None:
    customer = f"customer-{uuid.uuid4()}"
    requests = [_new_card(customer, index) for index in range(3)]
    async with vault.channel("app") as channel:
        stub = VaultServiceStub(channel)
        first = await stub.BatchTokenize(BatchTokenizeRequest(requests=requests), timeout=10)
        again = await stub.BatchTokenize(BatchTokenizeRequest(requests=requests[1:]), timeout=10)
        alone = await stub.Tokenize(requests[0], timeout=10)
        anew = await stub.Tokenize(_new_card(customer, 0), timeout=10)
    replies = [result.response for result in first.results]
    assert [alone, *(result.response for result in again.results)] == replies
    assert all(reply.created and reply.card.revision == 1 for reply in replies)
    # A new id is another request: it finds the card, and so is answered otherwise.
    assert not anew.created
