from collections import Counter
from pathlib import Path

import pytest
from pysequoia import Tsk, encrypt, sign

from tests.unit.simulator.exchange_site import Site, number, request_text
from tests.unit.simulator.test_request import PUBLISHED, PUBLISHED_AGGREGATOR
from updater.simulator.acquirer import Answer
from updater.simulator.errors import RejectReason, SimulatorError
from updater.simulator.ledger import Expiry, IssuerLedger, Outcome
from updater.simulator.numbers import brand_of
from updater.simulator.pgp import load_keys
from updater.simulator.script import Override, Script

CARDS = [number(counter) for counter in range(200)]

# One record of each kind, written down once and frozen: layout, ids and ledger.
EVERY_KIND = (
    Outcome.CURRENT,
    Outcome.NEW_NUMBER,
    Outcome.NEW_EXPIRY,
    Outcome.CLOSED,
    Outcome.CONTACT,
    Outcome.BRAND_CHANGE,
    Outcome.NO_MATCH,
    Outcome.UNAVAILABLE,
)
CODES = {Outcome.BRAND_CHANGE: "NAN"}
GOLDEN = Path(__file__).parent / "golden" / "response.csv"


def test_the_published_samples_are_answered(site: Site) -> None:
    site.send(PUBLISHED)
    site.run()
    # Placeholders: the first number has no brand, the second fails its check digit.
    golden = (
        b"H,cybs.au.response.pan,merchant1,001\n"
        b"D,ID1,1111222233334444,11,09,,,,0001,,DEC,806\n"
        b"D,ID2,2222333344445555,11,09,,,,0002,,DEC,802\n"
        b"F,2\n"
    )
    ids = [row.fields[1].encode() for row in site.response()]
    expected = golden.replace(b"ID1", ids[0]).replace(b"ID2", ids[1])
    same = site.open(site.response_name()) == expected
    assert same
    assert all(len(each) == 22 and each.isdigit() for each in ids)


def test_the_aggregator_sample_gets_its_sub_merchant_back(site: Site) -> None:
    site.send(PUBLISHED_AGGREGATOR)
    site.run()
    assert [row.fields[9] for row in site.response()] == ["subId01", "subId01"]


def test_a_response_with_every_kind_of_record_is_byte_for_byte_the_golden_one(site: Site) -> None:
    overrides = tuple(Override("ordinal", n, o) for n, o in enumerate(EVERY_KIND, start=1))
    site.send(request_text([*CARDS[:8], CARDS[10]]))  # the last issuer repeats no number
    site.run(script=Script(overrides=(*overrides, Override("ordinal", 9, Outcome.NEW_EXPIRY))))
    same = site.open(site.response_name()) == GOLDEN.read_bytes()
    assert same
    codes = [row.code[0] for row in site.response()]
    assert codes == ["CUR", "NAN", "NED", "ACL", "CCH", "NAN", "NUP", "UNA", "NED"]


def test_every_record_is_answered_as_the_ledger_says(site: Site) -> None:
    site.send(request_text(CARDS, expiry=Expiry(2, 2028)))
    [answer] = site.run(seed=11)
    rows, ledger = site.response(), IssuerLedger(11)
    assert len(rows) == len(CARDS)
    for index, (card, row) in enumerate(zip(CARDS, rows, strict=True), start=1):
        truth = ledger.truth(card, Expiry(2, 2028))
        assert row.code == (CODES.get(truth.outcome, truth.outcome.value), "800")
        assert row.reference == f"ref-{index}"
        same = row.old == (card.reveal(), "02", "28")
        assert same
        expected = truth.new_pan.reveal() if truth.new_pan else ""
        echoed = truth.outcome is Outcome.NEW_EXPIRY and row.new[0] == card.reveal()
        assert echoed or row.new[0] == expected, index
        date = truth.new_expiry
        assert row.new[1:] == ((f"{date.month:02}", str(date.year)[2:]) if date else ("", ""))
    assert answer.codes == Counter(row.code[0] for row in rows)
    assert len({row.fields[1] for row in rows}) == len(rows)


def test_issuers_repeat_the_number_beside_a_new_expiry_or_leave_it_blank(site: Site) -> None:
    overrides = tuple(Override("ordinal", n, Outcome.NEW_EXPIRY) for n in range(1, 201))
    site.send(request_text(CARDS))
    site.run(script=Script(overrides=overrides))
    blank = sum(row.new[0] == "" for row in site.response() if row.code[0] == "NED")
    assert 60 < blank < 140


def test_the_same_seed_gives_the_same_text_and_another_another(tmp_path: Path) -> None:
    texts = []
    for index, seed in enumerate((1, 1, 2)):
        site = Site(tmp_path / str(index))
        site.send(request_text(CARDS))
        site.run(seed=seed)
        texts.append(site.open(site.response_name()))
    assert texts.index(texts[1]) == 0
    assert texts.index(texts[2]) == 2


def test_overrides_and_supported_brands_reach_the_answer(site: Site) -> None:
    script = Script(
        supported_brands=frozenset({"visa"}),
        overrides=(
            Override("reference", "ref-2", Outcome.BRAND_CHANGE),
            Override("ending", CARDS[2].last4, Outcome.CONTACT),
        ),
    )
    site.send(request_text([number(1, "55555555"), CARDS[1], CARDS[2]]))
    site.run(script=script)
    unsupported, changed, contact = site.response()
    assert unsupported.code == ("DEC", "804")
    assert contact.code == ("CCH", "800")
    assert changed.code == ("NAN", "800")
    assert brand_of(changed.new[0]) == "mastercard"


def test_a_batch_id_used_before_rejects_the_whole_file(site: Site) -> None:
    site.send(request_text(CARDS[:2]))
    site.run()
    first = (site.inbox / site.response_name()).read_bytes()
    site.send(request_text(CARDS[:3]))  # other contents
    site.send(request_text(CARDS[:2], batch="1"), batch="1")  # the same number, written otherwise
    answers = site.run()
    assert [a.rejected for a in answers] == [RejectReason.DUPLICATE_BATCH_ID] * 2
    assert site.rejection() == "REJECTED,merchant1,001,DUPLICATE_BATCH_ID,1\n"
    unchanged = (site.inbox / site.response_name()).read_bytes() == first
    assert unchanged
    assert site.response_name("1") not in site.arrived()


def test_a_rejected_file_does_not_use_up_its_batch_id(site: Site) -> None:
    site.send(request_text(CARDS[:2]).replace(b",001,2,", b",001,5,"))
    [refused] = site.run()
    assert refused.rejected is RejectReason.COUNT_MISMATCH
    site.send(request_text(CARDS[:2]))
    [answered] = site.run()
    assert answered.rejected is None


def test_a_header_that_contradicts_the_name_is_rejected(site: Site) -> None:
    site.send(request_text(CARDS[:2], batch="002"), batch="003")
    [answer] = site.run()
    assert answer == Answer(
        "merchant1.003.au.request.pan.csv.pgp", rejected=RejectReason.NAME_MISMATCH, line=1
    )


def test_what_is_not_signed_by_the_updater_is_rejected(site: Site) -> None:
    text = request_text(CARDS[:2])
    site.send(text, signer=Tsk.generate("stranger <stranger@example.test>"))
    site.drop(encrypt(text, [site.acquirer_cert], armor=False), batch="002")
    assert {a.rejected for a in site.run()} == {RejectReason.BAD_SIGNATURE}
    assert site.rejection("002") == "REJECTED,merchant1,002,BAD_SIGNATURE,0\n"


def test_what_is_signed_and_not_encrypted_is_rejected(site: Site) -> None:
    site.drop(sign(site.updater.signer(), request_text(CARDS[:2]), armor=False))
    assert [a.rejected for a in site.run()] == [RejectReason.NOT_ENCRYPTED]


def test_what_is_armored_is_answered(site: Site) -> None:
    text = request_text(CARDS[:2])
    site.drop(encrypt(text, [site.acquirer_cert], signer=site.updater.signer()))
    assert [a.rejected for a in site.run()] == [None]


def test_what_cannot_be_read_is_rejected(site: Site) -> None:
    text = request_text(CARDS[:2])
    elsewhere = site.updater.extract_certificate()
    site.drop(text)  # plain text where ciphertext is required
    site.drop(b"", batch="002")
    site.drop(encrypt(text, [elsewhere], signer=site.updater.signer(), armor=False), batch="003")
    whole = site.send(text, batch="004").read_bytes()
    site.drop(whole[:-30], batch="004")
    assert {a.rejected for a in site.run()} == {RejectReason.UNREADABLE}
    site.drop(b"\0" * 11_000_001, batch="005")
    assert [a.rejected for a in site.run()] == [RejectReason.TOO_LARGE]


def test_other_names_links_and_directories_are_not_touched(site: Site, tmp_path: Path) -> None:
    elsewhere = site.send(request_text(CARDS[:2])).rename(tmp_path / "elsewhere")
    (site.outbox / "merchant1.001.au.request.pan.csv.pgp").symlink_to(elsewhere)
    (site.outbox / "merchant1.002.au.request.pan.csv.pgp").mkdir()
    for name in (".merchant1.003.au.request.pan.csv.pgp.part", "merchant1.004.csv", "a b.txt"):
        (site.outbox / name).write_bytes(b"")
    before = sorted(site.outbox.iterdir())
    assert site.run() == []
    assert site.arrived() == []
    assert sorted(site.outbox.iterdir()) == before


def test_a_request_is_left_where_it_is_and_answered_once(site: Site) -> None:
    path = site.send(request_text(CARDS[:2]))
    with site.simulator() as acquirer:
        assert len(list(acquirer.answer_pending())) == 1
        assert list(acquirer.answer_pending()) == []
    (site.inbox / site.response_name()).unlink()  # the updater took it
    assert site.run() == []  # after a restart
    assert site.arrived() == []
    assert path.exists()


def test_only_ciphertext_and_names_reach_the_disk(site: Site, tmp_path: Path) -> None:
    site.send(request_text(CARDS))
    site.run()
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    leaked = [card for card in CARDS if card.reveal().encode() in found]
    assert leaked == []
    assert "merchant1.001" in (site.exchange / ".simulator" / "journal.jsonl").read_text()


def test_a_response_is_readable_by_owner_and_group_only(site: Site) -> None:
    site.send(request_text(CARDS[:1]))
    site.run()
    assert (site.inbox / site.response_name()).stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("missing", ["inbox", "outbox"])
def test_an_exchange_without_its_directories_is_refused(site: Site, missing: str) -> None:
    (site.exchange / missing).rmdir()
    with pytest.raises(SimulatorError, match=missing), site.simulator():
        pass


def test_keys_that_are_missing_damaged_or_do_not_belong_together_are_refused(site: Site) -> None:
    stranger = Tsk.generate("stranger <stranger@example.test>")
    (site.keys / "acquirer.cert").write_bytes(bytes(stranger.extract_certificate()))
    with pytest.raises(SimulatorError, match="is not the certificate of"):
        load_keys(site.keys, site.simulator_keys)
    (site.keys / "updater.cert").write_bytes(b"junk")
    with pytest.raises(SimulatorError, match=r"updater\.cert is not an OpenPGP key"):
        load_keys(site.keys, site.simulator_keys)
    (site.simulator_keys / "acquirer.tsk").unlink()
    (site.keys / "updater.cert").write_bytes(bytes(site.updater.extract_certificate()))
    with pytest.raises(SimulatorError, match=r"can't read acquirer\.tsk"):
        load_keys(site.keys, site.simulator_keys)


def test_armored_keys_do_as_well(site: Site) -> None:
    (site.keys / "acquirer.cert").write_text(str(site.acquirer_cert))
    loaded = load_keys(site.keys, site.simulator_keys)
    assert loaded.updater.fingerprint == site.updater.extract_certificate().fingerprint
