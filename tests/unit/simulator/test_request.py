import pytest
from hypothesis import given
from hypothesis import strategies as st

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats.cybersource import MAX_BYTES, CyberSource
from updater.simulator.screening import screen

# The two samples CyberSource publishes (account-updater.md section 4.1), byte for byte. Their
# numbers are the vendor's placeholders: no brand, and one fails the check digit.
PUBLISHED = (
    b"H,cybs.au.request.pan,merchant1,001,2,notify@yourcompany.com,2009-03-23,My Jan Batch\n"
    b"D,1111222233334444,11,09,0001\n"
    b"D,2222333344445555,11,09,0002\n"
    b"F\n"
)
PUBLISHED_AGGREGATOR = (
    b"H,cybs.au.request.pan,merchant1,001,2,notify@yourcompany.com,2009-03-23,My Jan Batch\n"
    b"D,1111222233334444,11,09,0001,subId01\n"
    b"D,2222333344445555,11,09,0002,subId01\n"
    b"F\n"
)
parse_request = CyberSource().parse
BRANDS = frozenset({"visa", "mastercard", "amex", "discover"})


@pytest.mark.parametrize(
    ("sample", "sub_merchant"),
    [(PUBLISHED, ""), (PUBLISHED_AGGREGATOR, "subId01")],
    ids=["plain", "aggregator"],
)
def test_the_published_samples_are_read(sample: bytes, sub_merchant: str) -> None:
    found = parse_request(sample)
    assert (found.merchant, found.batch) == ("merchant1", "001")
    first, second = found.questions
    right = (first.number, second.number) == ("1111222233334444", "2222333344445555")
    assert right
    for question, reference in ((first, "0001"), (second, "0002")):
        assert (question.month, question.year) == ("11", "09")
        assert (question.reference, question.sub_merchant) == (reference, sub_merchant)


@pytest.mark.parametrize(
    "same",
    [PUBLISHED.replace(b"\n", b"\r\n"), PUBLISHED.rstrip(b"\n")],
    ids=["crlf", "no last line end"],
)
def test_line_ends_may_differ(same: bytes) -> None:
    assert [question.reference for question in parse_request(same).questions] == ["0001", "0002"]


def test_a_batch_may_be_empty_and_its_header_short() -> None:
    assert parse_request(b"H,cybs.au.request.pan,m,1,0,a@b\nF").questions == ()


@pytest.mark.parametrize(
    ("old", "new", "reason", "line"),
    [
        (PUBLISHED, b"", RejectReason.BAD_STRUCTURE, 0),
        (PUBLISHED, b"\n", RejectReason.BAD_STRUCTURE, 1),
        (PUBLISHED, b"H\n", RejectReason.BAD_STRUCTURE, 1),
        (b"H,cybs", b"X,cybs", RejectReason.BAD_STRUCTURE, 1),
        (b".request.", b".response.", RejectReason.WRONG_CLASSIFICATION, 1),
        (b",merchant1,", b",,", RejectReason.BAD_STRUCTURE, 1),
        (b",merchant1,", b"," + b"m" * 31 + b",", RejectReason.BAD_STRUCTURE, 1),
        (b",001,2,", b",00A,2,", RejectReason.BAD_STRUCTURE, 1),
        (b",001,2,", b",001,,", RejectReason.BAD_STRUCTURE, 1),
        (b",001,2,", b",001,3,", RejectReason.COUNT_MISMATCH, 1),
        (b",001,2,", b",001,1,", RejectReason.COUNT_MISMATCH, 1),
        (b"Batch\n", b"Batch,more\n", RejectReason.BAD_STRUCTURE, 1),
        (b"F\n", b"", RejectReason.BAD_STRUCTURE, 3),
        (b"F\n", b"F,2\n", RejectReason.BAD_STRUCTURE, 4),
        (b"F\n", b"F\nF\n", RejectReason.BAD_STRUCTURE, 4),
        (b"F\n", b"F\n\x1a", RejectReason.BAD_STRUCTURE, 5),
        (b",0002\n", b",0002,sub,more\n", RejectReason.BAD_STRUCTURE, 3),
        (b",11,09,0002\n", b"\n", RejectReason.BAD_STRUCTURE, 3),
        (b",0002\n", b"," + b"r" * 51 + b"\n", RejectReason.BAD_STRUCTURE, 3),
        (b",0002\n", b",0002," + b"s" * 11 + b"\n", RejectReason.BAD_STRUCTURE, 3),
        (b",0002\n", b",00\x0002\n", RejectReason.BAD_STRUCTURE, 3),
        (b",0002\n", b",00\xa02\n", RejectReason.BAD_STRUCTURE, 3),
        (b"D,2222333344445555", b"D," + b"2" * 101, RejectReason.BAD_STRUCTURE, 3),
        (b"H,", b"\xef\xbb\xbfH,", RejectReason.BAD_STRUCTURE, 1),
        (b"F\n", b"x" * MAX_BYTES, RejectReason.TOO_LARGE, 0),
    ],
    ids=[str(case) for case in range(25)],
)
def test_a_spoiled_file_is_rejected_whole(
    old: bytes, new: bytes, reason: RejectReason, line: int
) -> None:
    with pytest.raises(RequestRejected) as caught:
        parse_request(PUBLISHED.replace(old, new, 1))
    assert (caught.value.reason, caught.value.line) == (reason, line)
    quoted = "2222" in str(caught.value)
    assert not quoted


@given(st.binary(max_size=200) | st.text(alphabet="HDF,\n\r019ab", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_rejected(content: bytes) -> None:
    try:
        found = parse_request(content)
    except RequestRejected:
        return
    assert content.startswith(b"H,cybs.au.request.pan,")
    assert content.count(b"\nD") == len(found.questions)


@pytest.mark.parametrize(
    ("card", "month", "year", "reason"),
    [
        ("", "11", "27", "801"),
        ("4111-1111-1111-1111", "11", "27", "801"),
        ("1111222233334444", "11", "27", "806"),
        ("9792072000000000", "11", "27", "806"),
        ("6200000000000005", "11", "27", "804"),
        ("3530111333300000", "11", "27", "804"),
        ("411111111111111", "11", "27", "805"),
        ("4" * 40, "11", "27", "805"),
        ("51", "11", "27", "805"),
        ("4111111111111112", "11", "27", "802"),
        ("2222333344445555", "11", "27", "802"),
        ("4111111111111111", "00", "27", "803"),
        ("4111111111111111", "13", "27", "803"),
        ("4111111111111111", "", "", "803"),
        ("4111111111111111", "1", "27", "803"),
        ("4111111111111111", "011", "7", "803"),
        ("4111111111111111", "11", "2027", "803"),
        ("4111111111111111", "x1", "27", "803"),
    ],
    ids=[str(case) for case in range(18)],
)
def test_a_bad_record_gets_the_reason_of_its_first_fault(
    card: str, month: str, year: str, reason: str
) -> None:
    text = f"H,cybs.au.request.pan,m,1,1,a@b\nD,{card},{month},{year},r\nF\n"
    [question] = parse_request(text.encode()).questions
    same = screen(question, BRANDS) == reason
    assert same


@pytest.mark.parametrize("year", ["00", "09", "27", "99"])
def test_a_good_record_passes_whatever_its_year(year: str) -> None:
    text = f"H,cybs.au.request.pan,m,1,1,a@b\nD,4111111111111111,12,{year}\nF\n"
    [question] = parse_request(text.encode()).questions
    passed = screen(question, BRANDS)
    assert not isinstance(passed, str)
    assert passed.expiry == (12, 2000 + int(year))
    assert "1111" not in repr(question)
