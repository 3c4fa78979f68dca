"""Requests that every rule of their message lets through and that mean nothing good.

Each row: the RPC, the change to a good request, the reason and the field that are told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import vault_service_pb2 as vault
from cardvault.vault.v1.credential_service_pb2 import UpdateFile
from google.protobuf.timestamp_pb2 import Timestamp

from cards.brands import Brand
from chassis.routes import Route
from tests.doubles.rpc_requests import (
    agreement,
    card_for,
    good_request,
    stored,
)
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import Refusal, refusal_in, refused, send, short, vault_routes
from tests.doubles.vault_site import new_pan, vault_site

ROUTES: Final = {short(route): route for route in vault_routes()}
NUMBER: Final = new_pan()
NOT_A_CARDS: Final = NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10)
SPACED: Final = " ".join(NUMBER[at : at + 4] for at in range(0, 16, 4))
IN_OTHER: Final = "CARD_NUMBER_IN_OTHER_FIELD"


@dataclass(frozen=True)
class Row:
    """One request that makes no sense."""

    method: str
    change: Callable[[Any], object]
    reason: str
    field: str


def luhn_broken(request: Any, holder: str = "card") -> None:
    digits = new_pan()
    getattr(request, holder).number = digits[:-1] + str((int(digits[-1]) + 1) % 10)


def put(name: str, value: Any) -> Callable[[Any], object]:
    return lambda request: setattr(request, name, value)


def put_card(name: str, value: Any) -> Callable[[Any], object]:
    return lambda request: setattr(request.card, name, value)


def big_metadata(request: Any) -> None:
    request.metadata.update({f"k{at}": "v" * 1000 for at in range(5)})


def twice(request: Any) -> None:
    request.stored_credentials.append(agreement())


def withdrawn_first(request: Any) -> None:
    request.stored_credentials[0].withdraw_time.seconds = 1_600_000_000


def forged_file(request: Any) -> None:
    request.source.CopyFrom(UpdateFile(channel="csv", file="f1"))
    request.page_token = "x" * 40


def mask(*paths: str) -> Callable[[Any], object]:
    def change(request: Any) -> None:
        request.update_mask.paths[:] = paths

    return change


def nothing_to_change(request: Any) -> None:
    for field in ("card", "stored_credentials", "metadata", "update_mask"):
        request.ClearField(field)


def number_cleared(request: Any) -> None:
    request.card.ClearField("number")
    mask("card.number")(request)


def both_ways(request: Any) -> None:
    change = vault.HoldChange(hold=request.holds[0].hold, action=vault.HOLD_ACTION_RELEASE)
    request.holds.append(change)


def account_of_legal_hold(request: Any) -> None:
    request.holds[0].hold.type = card_pb2.HOLD_TYPE_LEGAL_HOLD


def of_update(change: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda request: change(request.updates[0])


def address_line(text: str) -> Callable[[Any], object]:
    return lambda request: request.card.billing_address.address_lines.append(text)


ROWS: Final = {
    "luhn": Row("Tokenize", luhn_broken, "CARD_NUMBER_INVALID", "card.number"),
    "luhn in a change": Row("UpdateCard", luhn_broken, "CARD_NUMBER_INVALID", "card.number"),
    "length of another brand": Row(
        "Tokenize",
        put_card("number", new_pan(Brand.AMEX)[:-1]),
        "CARD_NUMBER_INVALID",
        "card.number",
    ),
    "month 13": Row("Tokenize", put_card("expiry_month", 13), "INVALID_FIELD", "card.expiry_month"),
    "year 1999": Row(
        "Tokenize", put_card("expiry_year", 1999), "INVALID_FIELD", "card.expiry_year"
    ),
    "year 2100": Row(
        "Tokenize", put_card("expiry_year", 2100), "INVALID_FIELD", "card.expiry_year"
    ),
    "month without year": Row(
        "Tokenize", lambda r: r.card.ClearField("expiry_year"), "EXPIRY_INVALID", "card.expiry_year"
    ),
    "year without month": Row(
        "UpdateCard",
        lambda r: r.card.ClearField("expiry_month"),
        "EXPIRY_INVALID",
        "card.expiry_month",
    ),
    "number as name": Row(
        "Tokenize", put_card("cardholder_name", f"Zoe {SPACED}"), IN_OTHER, "card.cardholder_name"
    ),
    "number as new name": Row(
        "UpdateCard", put_card("cardholder_name", NUMBER), IN_OTHER, "card.cardholder_name"
    ),
    "number in address": Row("Tokenize", address_line(SPACED), IN_OTHER, "card.billing_address"),
    "number in new address": Row(
        "UpdateCard", address_line(NUMBER), IN_OTHER, "card.billing_address"
    ),
    "number as metadata key": Row(
        "Tokenize", lambda r: r.metadata.update({NUMBER: "v"}), IN_OTHER, "metadata"
    ),
    "number in metadata value": Row(
        "Tokenize", lambda r: r.metadata.update({"k": f"it is {SPACED}."}), IN_OTHER, "metadata"
    ),
    "number in new metadata": Row(
        "UpdateCard", lambda r: r.metadata.update({"k": NUMBER}), IN_OTHER, "metadata"
    ),
    "number as customer": Row("Tokenize", put("customer", NUMBER), IN_OTHER, "customer"),
    "number as merchant account": Row(
        "Tokenize",
        lambda r: setattr(r.stored_credentials[0], "merchant_account", NUMBER),
        IN_OTHER,
        "stored_credentials[0].merchant_account",
    ),
    "number as consent reference": Row(
        "UpdateCard",
        lambda r: setattr(r.stored_credentials[0], "consent_reference", NUMBER),
        IN_OTHER,
        "stored_credentials[0].consent_reference",
    ),
    "number as hold's account": Row(
        "SetCardStatus",
        lambda r: setattr(r.holds[0].hold, "merchant_account", NUMBER),
        IN_OTHER,
        "holds[0].hold.merchant_account",
    ),
    "number as reason": Row("SetCardStatus", put("reason", SPACED), IN_OTHER, "reason"),
    "number as update id": Row(
        "ApplyUpdates", of_update(put("update_id", NUMBER)), IN_OTHER, "update_id"
    ),
    "number as asking account": Row(
        "ApplyUpdates", of_update(put("merchant_account", NUMBER)), IN_OTHER, "merchant_account"
    ),
    "number as channel": Row(
        "ApplyUpdates",
        of_update(lambda u: setattr(u.source, "channel", NUMBER)),
        IN_OTHER,
        "source.channel",
    ),
    "number as file": Row(
        "ApplyUpdates",
        of_update(lambda u: setattr(u.source, "file", NUMBER)),
        IN_OTHER,
        "source.file",
    ),
    "number as raw code": Row(
        "ApplyUpdates",
        of_update(lambda u: setattr(u.source, "raw_code", NUMBER)),
        IN_OTHER,
        "source.raw_code",
    ),
    "code of another brand": Row(
        "Tokenize", put("security_code", "1234"), "SECURITY_CODE_INVALID", "security_code"
    ),
    "code of another brand, later": Row(
        "PutSecurityCode", put("security_code", "1234"), "SECURITY_CODE_INVALID", "security_code"
    ),
    "metadata over 4 KiB": Row("Tokenize", big_metadata, "METADATA_TOO_LARGE", "metadata"),
    "new metadata over 4 KiB": Row("UpdateCard", big_metadata, "METADATA_TOO_LARGE", "metadata"),
    "an account twice": Row(
        "Tokenize", twice, "STORED_CREDENTIAL_INVALID", "stored_credentials[1].merchant_account"
    ),
    "withdrawn before consent": Row(
        "UpdateCard",
        withdrawn_first,
        "STORED_CREDENTIAL_INVALID",
        "stored_credentials[0].withdraw_time",
    ),
    "hold without account": Row(
        "SetCardStatus",
        lambda r: r.holds[0].hold.ClearField("merchant_account"),
        "HOLD_INVALID",
        "holds[0].hold.merchant_account",
    ),
    "legal hold with account": Row(
        "SetCardStatus", account_of_legal_hold, "HOLD_INVALID", "holds[0].hold.merchant_account"
    ),
    "hold placed and released": Row("SetCardStatus", both_ways, "HOLD_INVALID", "holds"),
    "neither status nor hold": Row(
        "SetCardStatus",
        lambda r: (r.ClearField("status"), r.ClearField("holds")),
        "INVALID_FIELD",
        "",
    ),
    "unknown path": Row("UpdateCard", mask("card.pin"), "INVALID_FIELD", "update_mask"),
    "nothing to change": Row("UpdateCard", nothing_to_change, "UPDATE_MASK_INVALID", "update_mask"),
    "number cleared": Row("UpdateCard", number_cleared, "UPDATE_MASK_INVALID", "card.number"),
    "nanos of a decline": Row(
        "ReportDecline",
        lambda r: setattr(r.decline_time, "nanos", 2_000_000_000),
        "INVALID_FIELD",
        "decline_time",
    ),
    "a range that runs backwards": Row(
        "ListAuditRecords",
        lambda r: r.end_time.CopyFrom(Timestamp(seconds=1)),
        "INVALID_FIELD",
        "",
    ),
    "checkpoints backwards": Row(
        "ListCheckpoints",
        lambda r: r.end_time.CopyFrom(Timestamp(seconds=1)),
        "INVALID_FIELD",
        "",
    ),
    "answer by number": Row(
        "ApplyUpdates",
        of_update(lambda u: setattr(u, "number", NOT_A_CARDS)),
        "CARD_NUMBER_INVALID",
        "number",
    ),
    "forged page of cards": Row(
        "ListCards", put("page_token", "x" * 40), "PAGE_TOKEN_INVALID", "page_token"
    ),
    "forged page of versions": Row(
        "ListCardVersions", put("page_token", "x" * 40), "PAGE_TOKEN_INVALID", "page_token"
    ),
    "forged page of records": Row(
        "ListAuditRecords", put("page_token", "x" * 40), "PAGE_TOKEN_INVALID", "page_token"
    ),
    "forged page of checkpoints": Row(
        "ListCheckpoints", put("page_token", "x" * 40), "PAGE_TOKEN_INVALID", "page_token"
    ),
    "number as file to undo": Row(
        "RevertUpdates",
        lambda r: r.source.CopyFrom(UpdateFile(channel="csv", file=NUMBER)),
        IN_OTHER,
        "source.file",
    ),
    "number as channel to undo": Row(
        "RevertUpdates",
        lambda r: r.source.CopyFrom(UpdateFile(channel=NUMBER, file="f1")),
        IN_OTHER,
        "source.channel",
    ),
    "number as token to undo": Row(
        "RevertUpdates",
        lambda r: setattr(r.version, "token", NUMBER),
        IN_OTHER,
        "version.token",
    ),
    "a page of one card": Row(
        "RevertUpdates", put("page_token", "x" * 40), "PAGE_TOKEN_INVALID", "page_token"
    ),
    "forged page of a file": Row("RevertUpdates", forged_file, "PAGE_TOKEN_INVALID", "page_token"),
    "forged cursor": Row(
        "StreamCredentials", put("cursor", "x" * 40), "PAGE_TOKEN_INVALID", "cursor"
    ),
}


async def _told(route: Route, site: Any, row: Row) -> Refusal | None:
    root = await site.client("root")
    request = good_request(row.method, await card_for(row.method, root))
    row.change(request)
    before = stored_rows(site)
    answer = await send(root.channel, route, request)
    unchanged = stored_rows(site) == before
    assert unchanged
    if answer.refusal is not None or row.method != "ApplyUpdates":
        return answer.refusal
    reply: Any = answer.replies[0]
    assert reply.results[0].disposition == update_pb2.DISPOSITION_REJECTED
    return refusal_in(reply.results[0].error, extra=reply.SerializeToString())


async def test_what_makes_no_sense_is_refused_by_name_and_nothing_stored(tmp_path: Path) -> None:
    wrong = []
    async with vault_site(tmp_path) as site:
        for name, row in ROWS.items():
            told = await _told(ROUTES[row.method], site, row)
            if told is None:
                wrong.append(f"{name}: accepted")
            elif (told.code, told.reason, told.fields[:1]) != (
                "INVALID_ARGUMENT",
                row.reason,
                (row.field,),
            ):
                wrong.append(f"{name}: {told}")
            elif NUMBER.encode() in told.raw or SPACED.encode() in told.raw:
                wrong.append(f"{name}: repeats the number")
    assert wrong == []


async def test_the_lengths_that_security_codes_have_by_brand(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        amex = await stored(root, new_pan(Brand.AMEX))
        good = vault.PutSecurityCodeRequest(token=amex.token, security_code="1234")
        await root.vault.PutSecurityCode(good)
        short_one = vault.PutSecurityCodeRequest(token=amex.token, security_code="123")
        told = await refused(root.vault.PutSecurityCode(short_one))
    assert (told.code, told.reason) == ("INVALID_ARGUMENT", "SECURITY_CODE_INVALID")
