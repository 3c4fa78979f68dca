"""The vocabularies of acquirers, gateways and vaults: each has one of its own for all networks.

Source: `account-updater.md` sections 4 and B. What a service refuses without a code has a name of
ours, in capitals with underscores. A code that says "nothing yet" (Qualpay 000) has no row: such
a record is no answer.
"""

from typing import Final

from cards.outcomes import Outcome
from updater.domain.mapping.keys import Codes, Level, Network, Sheet

CYBERSOURCE: Final = "cybersource-au-csv"
CYBERSOURCE_REST: Final = "cybersource-rest"
MES_AUS: Final = "mes-aus-124"
CNPAPI: Final = "cnpapi-au-xml"
BASIS_THEORY: Final = "basistheory-csv"
TOKENEX: Final = "tokenex-api"
ADYEN_REALTIME: Final = "adyen-realtime"
ADYEN_BATCH: Final = "adyen-batch-csv"
JPM: Final = "jpm-report-csv"
CARDSYNC: Final = "cardsync-api"
QUALPAY: Final = "qualpay-api"
GATEWAY: Final = "asispay-gateway"
COMERICA: Final = "comerica-94"
WORLDNET: Final = "worldnet-csv"
BLUESNAP: Final = "bluesnap-api"
MOOV: Final = "moov-api"

DUPLICATE_BATCH_ID: Final = "DUPLICATE_BATCH_ID"
RESUBMITTED_WITHIN_7_DAYS: Final = "RESUBMITTED_WITHIN_7_DAYS"
NEW_CARD_INFO: Final = "newCardInfo"
"""The reason of a cnpAPI code that came with a new card: the element's name."""
BRAND_CHANGED: Final = "Y"
"""The reason of a J.P. Morgan row: its brand changed indicator, "" where the report has none."""


def _each(code: str, *reasons: int) -> tuple[tuple[str, str], ...]:
    return tuple((code, str(reason)) for reason in reasons)


def _answered(code: str) -> tuple[str | tuple[str, str], ...]:
    """Return a CyberSource answer with its reason, 800, which says nothing, and without it."""
    return (code, "800"), code


_CYBERSOURCE: Final[Codes] = {
    Outcome.PAN_UPDATED: _answered("NAN"),
    Outcome.EXPIRY_UPDATED: _answered("NED"),
    Outcome.CLOSED: _answered("ACL"),
    Outcome.CONTACT_CARDHOLDER: _answered("CCH"),
    Outcome.VALID_NO_CHANGE: _answered("CUR"),
    Outcome.NO_MATCH: _answered("NUP"),
    Outcome.NOT_PARTICIPATING: _answered("UNA"),
    Outcome.UNSUPPORTED: (*_each("DEC", 804, 806), *_each("ERR", 804, 806)),
    Outcome.REJECTED_INPUT: (
        *_each("DEC", 801, 802, 803, 805, 850, 851, 852),
        *_each("ERR", 801, 802, 803, 808, 811),
    ),
    Outcome.REJECTED_MERCHANT: (("DEC", "810"), ("ERR", "807")),
    Outcome.REJECTED_DUPLICATE: (("DEC", "853"),),
    Outcome.CHANNEL_ERROR: (("ERR", "809"),),
}
_CYBERSOURCE_AMEX: Final[Codes] = {
    Outcome.REJECTED_DUPLICATE: (("DEC", "861"),),
    Outcome.OPTED_OUT: (("DEC", "862"),),
}
_CYBERSOURCE_FILE: Final[Codes] = {
    Outcome.REJECTED_DUPLICATE: (("REJECTED", DUPLICATE_BATCH_ID),),
    Outcome.CHANNEL_ERROR: ("REJECTED", "DECLINED"),
}
_CNPAPI: Final[Codes] = {
    Outcome.PAN_UPDATED: ("500",),
    Outcome.EXPIRY_UPDATED: ("502",),
    Outcome.BRAND_CHANGED: (("501", NEW_CARD_INFO),),
    Outcome.CLOSED: ("501",),
    Outcome.CONTACT_CARDHOLDER: ("504",),
    Outcome.OPTED_OUT: ("507",),
    Outcome.VALID_NO_CHANGE: ("506",),
    Outcome.NO_MATCH: ("505",),
    Outcome.NOT_PARTICIPATING: ("503",),
    Outcome.REJECTED_INPUT: ("301", "320"),
    Outcome.REJECTED_MERCHANT: ("821",),
}
# `cnpResponse/@response` is one digit, and 0 is the only good one.
_CNPAPI_FILE: Final[Codes] = {Outcome.CHANNEL_ERROR: tuple("123456789")}
_BASIS_THEORY: Final[Codes] = {
    Outcome.PAN_UPDATED: ("UPD_PAN",),
    Outcome.EXPIRY_UPDATED: ("UPD_EXP_DATE",),
    Outcome.BRAND_CHANGED: ("UPD_BRAND_CONV",),
    Outcome.CORRECTED: ("UPD_CORRECTED",),
    Outcome.CLOSED: ("WRN_CLOSED_ACCOUNT",),
    Outcome.CONTACT_CARDHOLDER: ("WRN_CONTACT_CARDHOLDER",),
    Outcome.OPTED_OUT: ("WRN_OPT_OUT",),
    Outcome.VALID_NO_CHANGE: ("NO_UPDATE",),
    Outcome.NO_MATCH: ("WRN_ISSUER_NO_DATA",),
    Outcome.NOT_PARTICIPATING: ("WRN_ISSUER_NOT_ENROLLED",),
    Outcome.UNSUPPORTED: ("WRN_UNSUPPORTED_NETWORK",),
    Outcome.REJECTED_INPUT: ("ERR_INVALID_PAN", "ERR_INVALID_TOKEN", "ERR_INVALID_EXP_DATE"),
    Outcome.REJECTED_MERCHANT: ("ERR_INVALID_CONFIG",),
    Outcome.CHANNEL_ERROR: ("ERR_UNDEFINED",),
}
_TOKENEX: Final[Codes] = {
    Outcome.PAN_UPDATED: ("801",),
    Outcome.EXPIRY_UPDATED: ("802",),
    Outcome.CLOSED: ("803",),
    Outcome.CONTACT_CARDHOLDER: ("804",),
    Outcome.OPTED_OUT: ("805",),
    Outcome.VALID_NO_CHANGE: ("800",),
    Outcome.NO_MATCH: ("806",),
    Outcome.NOT_PARTICIPATING: ("807",),
    Outcome.UNSUPPORTED: ("810",),
    Outcome.REJECTED_INPUT: ("899",),
    Outcome.REJECTED_MERCHANT: ("809",),
    Outcome.REJECTED_DUPLICATE: ("8015",),
    Outcome.CHANNEL_ERROR: ("808", "8016"),
}
_ADYEN_REALTIME: Final[Codes] = {
    Outcome.PAN_UPDATED: ("CardChanged",),
    Outcome.EXPIRY_UPDATED: ("CardExpiryChanged",),
    Outcome.CLOSED: ("CloseAccount",),
    Outcome.CONTACT_CARDHOLDER: ("ContactCardAccountHolder",),
}
_JPM_NUMBER: Final = ("NEW_ACCOUNT", "NEW_ACCOUNT_AND_EXPIRY")
_JPM: Final[Codes] = {
    Outcome.PAN_UPDATED: tuple((code, said) for code in _JPM_NUMBER for said in ("", "N")),
    Outcome.BRAND_CHANGED: tuple((code, BRAND_CHANGED) for code in _JPM_NUMBER),
    Outcome.EXPIRY_UPDATED: ("NEW_EXPIRY", ("NEW_EXPIRY", "N")),
    Outcome.CLOSED: ("CLOSED_ACCOUNT", ("CLOSED_ACCOUNT", "N")),
    Outcome.CONTACT_CARDHOLDER: ("CONTACT_CARDHOLDER", ("CONTACT_CARDHOLDER", "N")),
}
_CARDSYNC: Final[Codes] = {
    Outcome.PAN_UPDATED: ("updated_card",),
    Outcome.EXPIRY_UPDATED: ("updated_expiry",),
    Outcome.CLOSED: ("contact_closed",),
    Outcome.CONTACT_CARDHOLDER: ("contact",),
    Outcome.VALID_NO_CHANGE: ("valid", "no_change"),
    Outcome.NO_MATCH: ("no_match",),
}
_QUALPAY: Final[Codes] = {
    Outcome.PAN_UPDATED: ("202",),
    Outcome.EXPIRY_UPDATED: ("201",),
    Outcome.CLOSED: ("203",),
    Outcome.CONTACT_CARDHOLDER: ("204",),
    Outcome.VALID_NO_CHANGE: ("200",),
    Outcome.NO_MATCH: ("206",),
    Outcome.UNSUPPORTED: ("329",),
    Outcome.REJECTED_INPUT: ("315", "320"),
}
_GATEWAY: Final[Codes] = {
    Outcome.PAN_UPDATED: ("UA",),
    Outcome.EXPIRY_UPDATED: ("UE",),
    Outcome.CLOSED: ("XA",),
    Outcome.CONTACT_CARDHOLDER: ("CC",),
    Outcome.VALID_NO_CHANGE: ("UN",),
    Outcome.NO_MATCH: ("NN",),
    Outcome.REJECTED_DUPLICATE: ("ZZ",),
    Outcome.CHANNEL_ERROR: ("XX",),
}
_MES_AUS: Final[Codes] = {
    Outcome.PAN_UPDATED: ("NEWACCT",),
    Outcome.EXPIRY_UPDATED: ("NEWEXP",),
    Outcome.CLOSED: ("CLOSED",),
    Outcome.CONTACT_CARDHOLDER: ("CALL",),
}
_COMERICA: Final[Codes] = {
    Outcome.PAN_UPDATED: ("UPDATE", "A", "CC"),
    Outcome.EXPIRY_UPDATED: ("EXPIRY", "E", "CE"),
    Outcome.CLOSED_OR_CONTACT: ("CONTAC", "C", "XC"),
}
_WORLDNET: Final[Codes] = {
    Outcome.PAN_UPDATED: ("1",),
    Outcome.EXPIRY_UPDATED: ("2",),
    Outcome.VALID_NO_CHANGE: ("3",),
    Outcome.CLOSED_OR_CONTACT: ("4",),
    Outcome.CONTACT_CARDHOLDER: ("5",),
    Outcome.NO_MATCH: ("6", "7"),
    Outcome.NOT_PARTICIPATING: ("8",),
    Outcome.REJECTED_INPUT: ("101", "102", "103"),
    Outcome.REJECTED_MERCHANT: ("104", "122"),
}
_BLUESNAP: Final[Codes] = {
    Outcome.PAN_UPDATED: ("500",),
    Outcome.CLOSED: ("501",),
    Outcome.EXPIRY_UPDATED: ("502",),
    Outcome.NOT_PARTICIPATING: ("503",),
    Outcome.CONTACT_CARDHOLDER: ("504",),
    Outcome.NO_MATCH: ("505",),
    Outcome.VALID_NO_CHANGE: ("506",),
}
_MOOV: Final[Codes] = {
    Outcome.PAN_UPDATED: ("number-update",),
    Outcome.EXPIRY_UPDATED: ("expiration-update",),
    Outcome.CLOSED: ("account-closed",),
    Outcome.CONTACT_CARDHOLDER: ("contact-cardholder",),
    Outcome.VALID_NO_CHANGE: ("no-change",),
    Outcome.NO_MATCH: ("no-match",),
}
_ANY: Final = Network.ANY

SHEETS: Final[tuple[Sheet, ...]] = (
    Sheet(CYBERSOURCE, _ANY, "4.1", _CYBERSOURCE),
    Sheet(CYBERSOURCE, Network.AMEX, "4.1, 3", _CYBERSOURCE_AMEX),
    Sheet(CYBERSOURCE, _ANY, "4.1, 4.2", _CYBERSOURCE_FILE, Level.FILE),
    Sheet(CYBERSOURCE_REST, _ANY, "4.2", _CYBERSOURCE),
    Sheet(CYBERSOURCE_REST, Network.AMEX, "4.2, 3", _CYBERSOURCE_AMEX),
    Sheet(CYBERSOURCE_REST, _ANY, "4.2", _CYBERSOURCE_FILE, Level.FILE),
    Sheet(MES_AUS, _ANY, "4.4b", _MES_AUS),
    Sheet(CNPAPI, _ANY, "4.3", _CNPAPI),
    Sheet(CNPAPI, _ANY, "4.3", _CNPAPI_FILE, Level.FILE),
    Sheet(COMERICA, _ANY, "4.5", _COMERICA),
    Sheet(JPM, _ANY, "4.7", _JPM),
    Sheet(ADYEN_REALTIME, _ANY, "4.8", _ADYEN_REALTIME),
    Sheet(
        ADYEN_BATCH,
        _ANY,
        "4.8",
        {Outcome.REJECTED_DUPLICATE: (("Error", RESUBMITTED_WITHIN_7_DAYS),)},
    ),
    Sheet(BASIS_THEORY, _ANY, "4.11", _BASIS_THEORY),
    Sheet(BASIS_THEORY, _ANY, "4.11", {Outcome.CHANNEL_ERROR: ("failed",)}, Level.FILE),
    Sheet(TOKENEX, _ANY, "4.12", _TOKENEX),
    Sheet(QUALPAY, _ANY, "4.12", _QUALPAY),
    Sheet(GATEWAY, _ANY, "4.12", _GATEWAY),
    Sheet(CARDSYNC, _ANY, "4.12", _CARDSYNC),
    Sheet(WORLDNET, _ANY, "4.12", _WORLDNET),
    Sheet(BLUESNAP, _ANY, "4.12, 4.3", _BLUESNAP),
    Sheet(MOOV, _ANY, "4.12", _MOOV),
)
