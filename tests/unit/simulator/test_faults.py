import pytest
from pysequoia import decrypt

from tests.unit.simulator.exchange_site import Site, number, read_response, request_text
from updater.simulator.faults import Faults
from updater.simulator.ledger import Outcome, Rates
from updater.simulator.script import Script

CARDS = [number(counter) for counter in range(40)]
ASKED = request_text(CARDS)
ALL_NEW = Script(rates=Rates({Outcome.NEW_NUMBER: 100}))


@pytest.fixture
def honest(site: Site) -> bytes:
    """Return the text an honest run gives; its own batch, so that the id stays free."""
    site.send(request_text(CARDS, batch="009"), batch="009")
    site.run()
    text = site.open(site.response_name("009"))
    (site.inbox / site.response_name("009")).unlink()
    (site.outbox / "merchant1.009.au.request.pan.csv.pgp").unlink()
    return text.replace(b"merchant1,009", b"merchant1,001")


def spoil(site: Site, faults: Faults, script: Script | None = None) -> bytes:
    site.send(ASKED)
    site.run(faults=faults, script=script)
    return site.open(site.response_name())


def without_ids(text: bytes) -> list[list[bytes]]:
    """Return the records without request ids, which are of the batch."""
    records = [line.split(b",") for line in text.splitlines()]
    return [record[:1] + record[2:] if record[0] == b"D" else record for record in records]


def test_no_fault_spoils_nothing(site: Site, honest: bytes) -> None:
    same = without_ids(spoil(site, Faults())) == without_ids(honest)
    assert same


def test_truncate_ends_inside_the_last_record(site: Site) -> None:
    text = spoil(site, Faults(truncate=True))
    lines = text.split(b"\n")
    assert [line[:2] for line in lines] == [b"H,"] + [b"D,"] * 40
    assert lines[-1].count(b",") < 11


def test_truncate_of_an_empty_batch_ends_inside_the_header(site: Site) -> None:
    site.send(request_text([]))
    site.run(faults=Faults(truncate=True))
    text = site.open(site.response_name())
    assert b"H,cybs.au.response.pan,merchant1,001".startswith(text)
    assert len(text) == 18


def test_cut_ciphertext_cannot_be_opened(site: Site) -> None:
    with pytest.raises(RuntimeError):
        spoil(site, Faults(cut_ciphertext=True))
    assert (site.inbox / site.response_name()).stat().st_size > 100


def test_wrong_count_is_one_too_many_and_all_else_is_right(site: Site) -> None:
    text = spoil(site, Faults(wrong_count=True))
    assert text.endswith(b"\nF,41\n")
    assert len(read_response(text.replace(b"\nF,41\n", b"\nF,40\n"))) == 40


def test_wrong_direction_sends_the_request_back(site: Site) -> None:
    same = spoil(site, Faults(wrong_direction=True)) == ASKED
    assert same


def test_wrong_key_cannot_be_opened_by_the_updater(site: Site) -> None:
    with pytest.raises(RuntimeError):
        spoil(site, Faults(wrong_key=True))


def test_wrong_signer_opens_but_is_not_the_acquirers(site: Site) -> None:
    with pytest.raises(RuntimeError):
        spoil(site, Faults(wrong_signer=True))
    opened = decrypt((site.inbox / site.response_name()).read_bytes(), site.updater.decryptor())
    assert opened.bytes is not None
    assert len(read_response(opened.bytes)) == 40


def test_reorder_keeps_every_row(site: Site, honest: bytes) -> None:
    shuffled, straight = without_ids(spoil(site, Faults(reorder=True))), without_ids(honest)
    assert (shuffled == straight) is False
    same = sorted(shuffled) == sorted(straight)
    assert same


@pytest.mark.parametrize("seed", range(6))
def test_reorder_changes_even_two_rows(site: Site, seed: int) -> None:
    site.send(request_text(CARDS[:2]))
    site.run(seed=seed, faults=Faults(reorder=True))
    assert [row.reference for row in site.response()] == ["ref-2", "ref-1"]


def test_many_to_one_gives_every_card_the_same_number(site: Site) -> None:
    rows = read_response(spoil(site, Faults(many_to_one=True), ALL_NEW))
    assert len({row.new[0] for row in rows}) == 1
    assert len(rows) == 40


def test_duplicate_file_brings_the_same_bytes_twice(site: Site) -> None:
    spoil(site, Faults(duplicate_file=True))
    second = site.response_name(mark=".dup")
    assert set(site.arrived()) == {site.response_name(), second}
    assert (site.inbox / second).read_bytes() == (site.inbox / site.response_name()).read_bytes()


def test_conflicting_file_brings_other_answers_for_the_batch(site: Site) -> None:
    first = spoil(site, Faults(conflicting_file=True))
    other = site.open(site.response_name(mark=".other"))
    assert len(read_response(other)) == 40
    same = without_ids(first) == without_ids(other)
    assert not same


def test_slow_write_lets_the_file_grow_under_its_real_name(site: Site) -> None:
    sizes: list[int] = []
    target = site.inbox / site.response_name()
    site.send(ASKED)
    with site.simulator(faults=Faults(slow_write=4.0)) as acquirer:
        acquirer._wait = lambda seconds: sizes.append(target.stat().st_size)  # type: ignore[misc]
        list(acquirer.answer_pending())
    assert sizes == sorted(set(sizes))
    assert len(sizes) == 8
    assert site.arrived() == [target.name]
    assert len(site.response()) == 40


def test_faults_combine_and_leave_rejections_alone(site: Site) -> None:
    site.drop(b"junk", batch="002")
    text = spoil(site, Faults(truncate=True, wrong_direction=True, duplicate_file=True))
    assert ASKED.startswith(text)
    assert 0 < len(text) < len(ASKED)
    assert site.rejection("002") == "REJECTED,merchant1,002,UNREADABLE,0\n"
