"""The one table of codes, against section B written out once more, cell by cell."""

from collections import Counter
from collections.abc import Mapping

import pytest

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.domain.mapping import (
    CYBERSOURCE,
    GP_BIGBATCH,
    MES_AUS,
    SHEETS,
    TABLE,
    Key,
    Level,
    Network,
    Sheet,
    network_for,
    network_of,
    outcome_of,
    table_of,
)
from updater.files import cybersource_records as cs
from updater.files import gp_records as gp
from updater.files import mes_records as mes

VISA, MASTERCARD, AMEX, DISCOVER = (
    Network.VISA,
    Network.MASTERCARD,
    Network.AMEX,
    Network.DISCOVER,
)
ANY = Network.ANY

# Section B: outcome, then cells as "column: codes". A code is `code` or `code/reason`, `!` before
# it where it is about the file or request. Columns are below; a dash is a cell that isn't there.
SECTION_B = """
PAN_UPDATED         | visa: A | mc: UPDATE/R | mcapi: ACCOUNT_UPDATE | mcpush: A | discover: A
  | cs: NAN/800 NAN | cnp: 500 | bt: UPD_PAN | tokenex: 801 | adyen: CardChanged
  | jpm: NEW_ACCOUNT NEW_ACCOUNT_AND_EXPIRY | cardsync: updated_card | qualpay: 202 | gw: UA
EXPIRY_UPDATED      | visa: E | mc: EXPIRY/E | mcapi: EXPIRY | mcpush: E | discover: E
  | cs: NED/800 NED | cnp: 502 | bt: UPD_EXP_DATE | tokenex: 802 | adyen: CardExpiryChanged
  | jpm: NEW_EXPIRY | cardsync: updated_expiry | qualpay: 201 | gw: UE
BRAND_CHANGED       | mc: UPDATE/B | cnp: 501/newCardInfo | bt: UPD_BRAND_CONV
  | jpm: NEW_ACCOUNT/Y NEW_ACCOUNT_AND_EXPIRY/Y
CORRECTED           | discover: O | bt: UPD_CORRECTED
CLOSED              | visa: C | discover: C | cs: ACL/800 ACL | cnp: 501 | bt: WRN_CLOSED_ACCOUNT
  | tokenex: 803 | adyen: CloseAccount | jpm: CLOSED_ACCOUNT | cardsync: contact_closed
  | qualpay: 203 | gw: XA
CONTACT_CARDHOLDER  | visa: Q | paysafemc: CONTACH | discover: Q | cs: CCH/800 CCH | cnp: 504
  | bt: WRN_CONTACT_CARDHOLDER | tokenex: 804 | adyen: ContactCardAccountHolder
  | jpm: CONTACT_CARDHOLDER | cardsync: contact | qualpay: 204 | gw: CC
CLOSED_OR_CONTACT   | mc: CONTAC/C | paysafemc: CONTACT | mcapi: CONTACT | mcpush: C
OPTED_OUT           | visa: O | rt: VAU014 VAU016 | csamex: DEC/862 | cnp: 507 | bt: WRN_OPT_OUT
  | tokenex: 805
STOP_RECURRING      | rt: VAU011 | paysafemc: 34
VALID_NO_CHANGE     | visa: V | rt: VAU012 | mc: VALID/V | mcapi: VALID | discover: N
  | cs: CUR/800 CUR | cnp: 506 | bt: NO_UPDATE | tokenex: 800 | cardsync: valid no_change
  | qualpay: 200 | gw: UN
NO_MATCH            | visa: P | mc: UNKNWN/P | paysafemc: MC_P | mcapi: UNKNOWN | cs: NUP/800 NUP
  | cnp: 505 | bt: WRN_ISSUER_NO_DATA | tokenex: 806 | cardsync: no_match | qualpay: 206 | gw: NN
NOT_PARTICIPATING   | visa: N | rt: VAU009 | mc: UNKNWN/N | paysafemc: MC_N
  | mcapi: NON_PARTICIPATING | cs: UNA/800 UNA | cnp: 503 | bt: WRN_ISSUER_NOT_ENROLLED
  | tokenex: 807
UPDATE_EXPIRED      | visauk: F
UNSUPPORTED         | visauk: G
  | rt: VAU001 VAU002 VAU003 VAU004 VAU005 VAU006 VAU007 VAU015 | paysafemc: 43
  | cs: DEC/804 DEC/806 ERR/804 ERR/806 | bt: WRN_UNSUPPORTED_NETWORK | tokenex: 810
  | qualpay: 329
REJECTED_INPUT      | vauapi: 1 3 4 5 M | mc: 000101 000102 000103 000105
  | mcapi: !400/INVALID_INPUT_FORMAT !400/INVALID_EXPIRY_DATE | discoverror: 15 16 19 22 23
  | cs: DEC/801 DEC/802 DEC/803 DEC/805 DEC/850 DEC/851 DEC/852
  | cs: ERR/801 ERR/802 ERR/803 ERR/808 ERR/811 | cnp: 301 320
  | bt: ERR_INVALID_PAN ERR_INVALID_TOKEN ERR_INVALID_EXP_DATE | tokenex: 899 | qualpay: 315 320
REJECTED_MERCHANT   | vauapi: !409/A !409/M !409/X | rt: VAU008 VAU010 | mc: 000104 000122
  | mcapi: !400/INVALID_PARAM !400/ICA_VALUE_REQUIRED !401 !401/AUTHENTICATION_FAILED
  | discoverror: 09 10 | cs: DEC/810 ERR/807 | cnp: 821 | bt: ERR_INVALID_CONFIG | tokenex: 809
REJECTED_DUPLICATE  | vauapi: D !303 | discoverror: 20 21 24 25
  | csamex: DEC/861 | cs: DEC/853 !REJECTED/DUPLICATE_BATCH_ID | tokenex: 8015
  | adyenbatch: Error/RESUBMITTED_WITHIN_7_DAYS | gw: ZZ
CHANNEL_ERROR       | vauapi: !400/B !500/E !202 | mcapi: !400/SYSTEM_ERROR !429
  | discoverror: 11 12 13 14 26 27 | cs: ERR/809 !REJECTED !DECLINED
  | cnp: !1 !2 !3 !4 !5 !6 !7 !8 !9 | bt: ERR_UNDEFINED !failed | tokenex: 808 8016 | gw: XX
"""
# The lines under section B's table.
SECTION_B += """
PAN_UPDATED         | mes: NEWACCT | worldnet: 1 | comerica: UPDATE A CC
EXPIRY_UPDATED      | mes: NEWEXP  | worldnet: 2 | comerica: EXPIRY E CE
CLOSED              | mes: CLOSED
CONTACT_CARDHOLDER  | mes: CALL    | worldnet: 5
VALID_NO_CHANGE     | worldnet: 3
CLOSED_OR_CONTACT   | worldnet: 4  | comerica: CONTAC C XC
NO_MATCH            | worldnet: 6 7
NOT_PARTICIPATING   | worldnet: 8
REJECTED_INPUT      | worldnet: 101 102 103
REJECTED_MERCHANT   | worldnet: 104 122
"""
# Carriers that pass the networks' codes on: sections 4.4, 4.9 and 4.10. And 4.12's two others.
SECTION_B += """
PAN_UPDATED         | gpmc: UPDATE | moov: number-update | bluesnap: 500
EXPIRY_UPDATED      | gpmc: EXPIRY | moov: expiration-update | bluesnap: 502
CLOSED              | moov: account-closed | bluesnap: 501
CONTACT_CARDHOLDER  | moov: contact-cardholder | bluesnap: 504
CLOSED_OR_CONTACT   | gpmc: CONTAC | paysafemc: CONTAC
VALID_NO_CHANGE     | gpmc: VALID | moov: no-change | bluesnap: 506
NO_MATCH            | gpmc: UNKNWN | moov: no-match | bluesnap: 505
NOT_PARTICIPATING   | bluesnap: 503
REJECTED_INPUT      | gpmc: 000101 000102 000103 000105
REJECTED_MERCHANT   | gpmc: 000104 000122
PAN_UPDATED         | paysafemc: UPDATE
EXPIRY_UPDATED      | paysafemc: EXPIRY
VALID_NO_CHANGE     | paysafemc: VALID
REJECTED_INPUT      | paysafemc: 000101 000102 000103 000105
REJECTED_MERCHANT   | paysafemc: 000104 000122
PAN_UPDATED         | jpm: NEW_ACCOUNT/N NEW_ACCOUNT_AND_EXPIRY/N
EXPIRY_UPDATED      | jpm: NEW_EXPIRY/N
CLOSED              | jpm: CLOSED_ACCOUNT/N
CONTACT_CARDHOLDER  | jpm: CONTACT_CARDHOLDER/N
"""
COLUMNS: Mapping[str, tuple[tuple[str, Network], ...]] = {
    "visa": tuple(
        (channel, VISA)
        for channel in (
            *("vau-batch", "vau-api-json", "vau-push", "gp-bigbatch-80", "paysafe-csv"),
        )
    ),
    "visauk": (("paysafe-csv", VISA),),
    "vauapi": (("vau-api-json", VISA),),
    "rt": (("vau-realtime", VISA),),
    "mc": (("abu-batch", MASTERCARD),),
    "gpmc": (("gp-bigbatch-80", MASTERCARD), ("moneris-csv", MASTERCARD)),
    "mcapi": (("abu-api-json", MASTERCARD),),
    "mcpush": (("abu-push", MASTERCARD),),
    "paysafemc": (("paysafe-csv", MASTERCARD),),
    "discover": (("discover-batch", DISCOVER), ("gp-bigbatch-80", DISCOVER)),
    "discoverror": (("discover-batch", DISCOVER), ("gp-bigbatch-80", DISCOVER)),
    "cs": (("cybersource-au-csv", ANY), ("cybersource-rest", ANY)),
    "csamex": (("cybersource-au-csv", AMEX), ("cybersource-rest", AMEX)),
    "cnp": (("cnpapi-au-xml", ANY),),
    "bt": (("basistheory-csv", ANY),),
    "tokenex": (("tokenex-api", ANY),),
    "adyen": (("adyen-realtime", ANY),),
    "adyenbatch": (("adyen-batch-csv", ANY),),
    "jpm": (("jpm-report-csv", ANY),),
    "cardsync": (("cardsync-api", ANY),),
    "qualpay": (("qualpay-api", ANY),),
    "gw": (("asispay-gateway", ANY),),
    "mes": (("mes-aus-124", ANY),),
    "worldnet": (("worldnet-csv", ANY),),
    "comerica": (("comerica-94", ANY),),
    "moov": (("moov-api", ANY),),
    "bluesnap": (("bluesnap-api", ANY),),
}


def cells() -> list[tuple[Key, Outcome]]:
    """Return section B's cells as rows of the table."""
    rows: list[tuple[Key, Outcome]] = []
    for line in SECTION_B.replace("\n  |", " |").strip().splitlines():
        if not line:
            continue
        outcome, *found = (part.strip() for part in line.split("|"))
        for cell in found:
            column, _, codes = cell.partition(": ")
            for channel, network in COLUMNS[column]:
                for said in codes.split():
                    level = Level.FILE if said.startswith("!") else Level.RECORD
                    code, _, reason = said.lstrip("!").partition("/")
                    pairs = [(code, reason)]
                    if column == "discoverror":  # alone, or beside the code of its record
                        pairs = [(letter, code) for letter in ("", *"ACENOQ")]
                    rows += [
                        (Key(channel, network, level, *pair), Outcome(outcome)) for pair in pairs
                    ]
    return rows


CELLS = cells()


@pytest.mark.parametrize(
    ("key", "outcome"),
    CELLS,
    ids=[f"{key.channel} {key.network} {key.code} {key.reason}" for key, _ in CELLS],
)
def test_every_cell_of_section_b_says_what_its_row_says(key: Key, outcome: Outcome) -> None:
    assert outcome_of(key) is outcome


def test_the_table_has_nothing_that_section_b_has_not() -> None:
    assert set(TABLE) == {key for key, _ in CELLS}


def test_no_code_stands_twice() -> None:
    rows = Counter(key for sheet in SHEETS for key, _ in sheet.rows())
    assert [key for key, times in rows.items() if times > 1] == []
    twice = Sheet("c", ANY, "", {Outcome.CLOSED: ("x",), Outcome.NO_MATCH: (("x", ""),)})
    with pytest.raises(ValueError, match="two rows"):
        table_of([twice])


def test_every_outcome_can_be_said_but_for_the_two_that_nobody_says() -> None:
    assert set(Outcome) - set(TABLE.values()) == {Outcome.UNANSWERED, Outcome.UNKNOWN}


def said(channel: str, network: Network, code: str, level: Level = Level.RECORD) -> Outcome:
    code, _, reason = code.partition("/")
    return outcome_of(Key(channel, network, level, code, reason))


def test_o_is_an_opt_out_at_visa_and_a_correction_at_discover() -> None:
    assert said(GP_BIGBATCH, VISA, "O") is Outcome.OPTED_OUT
    assert said(GP_BIGBATCH, DISCOVER, "O") is Outcome.CORRECTED


def test_n_is_not_participating_at_visa_and_no_update_at_discover() -> None:
    assert said(GP_BIGBATCH, VISA, "N") is Outcome.NOT_PARTICIPATING
    assert said(GP_BIGBATCH, DISCOVER, "N") is Outcome.VALID_NO_CHANGE


def test_c_of_mastercards_push_is_closed_or_contact() -> None:
    assert said("abu-push", MASTERCARD, "C") is Outcome.CLOSED_OR_CONTACT
    assert said("vau-push", VISA, "C") is Outcome.CLOSED


def test_801_is_a_number_at_tokenex_and_a_rejection_at_cybersource() -> None:
    assert said("tokenex-api", ANY, "801") is Outcome.PAN_UPDATED
    assert said(CYBERSOURCE, ANY, "DEC/801") is Outcome.REJECTED_INPUT
    assert said(CYBERSOURCE, ANY, "801") is Outcome.UNKNOWN


def test_320_is_said_of_the_expiry_at_worldpay_and_of_the_number_at_qualpay() -> None:
    assert said("cnpapi-au-xml", ANY, "320") is Outcome.REJECTED_INPUT
    assert said("qualpay-api", ANY, "320") is Outcome.REJECTED_INPUT
    sources = {key.channel for key in TABLE if key.code == "320"}
    assert sources == {"cnpapi-au-xml", "qualpay-api"}  # and nobody else's 320 is one of these


def test_e_is_an_expiry_of_a_record_and_an_error_of_a_request() -> None:
    assert said("vau-api-json", VISA, "E") is Outcome.EXPIRY_UPDATED
    assert said("vau-api-json", VISA, "500/E", Level.FILE) is Outcome.CHANNEL_ERROR
    assert said("vau-api-json", VISA, "E", Level.FILE) is Outcome.UNKNOWN


def test_cnpapis_closed_with_a_new_card_is_a_brand_change() -> None:
    assert said("cnpapi-au-xml", ANY, "501/newCardInfo") is Outcome.BRAND_CHANGED
    assert said("cnpapi-au-xml", ANY, "501") is Outcome.CLOSED


def test_amex_codes_count_for_amex_only() -> None:
    assert said(CYBERSOURCE, AMEX, "DEC/862") is Outcome.OPTED_OUT
    assert said(CYBERSOURCE, AMEX, "DEC/861") is Outcome.REJECTED_DUPLICATE
    assert said(CYBERSOURCE, VISA, "DEC/862") is Outcome.UNKNOWN
    assert said(CYBERSOURCE, AMEX, "NAN/800") is Outcome.PAN_UPDATED


def test_what_the_table_does_not_know_is_unknown() -> None:
    assert said(CYBERSOURCE, VISA, "ZZZ/800") is Outcome.UNKNOWN
    assert said(CYBERSOURCE, VISA, "NAN/999") is Outcome.UNKNOWN
    assert said(CYBERSOURCE, VISA, "NAN/800", Level.FILE) is Outcome.UNKNOWN
    assert said("another-format", VISA, "NAN/800") is Outcome.UNKNOWN
    assert said(GP_BIGBATCH, AMEX, "A") is Outcome.UNKNOWN
    assert said("qualpay-api", ANY, "000") is Outcome.UNKNOWN  # says "nothing yet"


def published(channel: str, network: Network | None = None) -> set[tuple[str, str]]:
    return {
        (key.code, key.reason)
        for key in TABLE
        if key.channel == channel and key.level is Level.RECORD and network in {None, key.network}
    }


def test_table_and_codecs_know_the_same_formats_and_codes() -> None:
    assert (cs.CHANNEL, gp.CHANNEL, mes.CHANNEL) == (CYBERSOURCE, GP_BIGBATCH, MES_AUS)
    assert published(CYBERSOURCE) == cs.PUBLISHED
    assert published(MES_AUS) == {(code, "") for code in mes.PUBLISHED}
    assert published(GP_BIGBATCH, VISA) == gp.PUBLISHED["V"]
    assert published(GP_BIGBATCH, MASTERCARD) == gp.PUBLISHED["M"]
    # Published, and without an outcome in section B: 17 and 18.
    without = {(letter, error) for letter in ("", *"ACENOQ") for error in ("17", "18")}
    assert gp.PUBLISHED["D"] - published(GP_BIGBATCH, DISCOVER) == without
    assert published(GP_BIGBATCH, DISCOVER) <= gp.PUBLISHED["D"]


def test_networks_follow_brands_where_a_record_does_not_say() -> None:
    assert network_of(Brand.MAESTRO) is MASTERCARD
    assert network_of(Brand.DINERS) is DISCOVER
    assert network_of(Brand.ELO) is ANY
    assert network_of(None) is ANY
    assert network_for("", Brand.AMEX) is AMEX
    assert network_for("V", Brand.MASTERCARD) is VISA
    assert network_for("M", None) is MASTERCARD
    assert network_for("D", Brand.VISA) is DISCOVER
