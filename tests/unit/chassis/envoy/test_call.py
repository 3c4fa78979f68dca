"""What is read of a call's headers: who calls, until when, and with what."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.envoy.call import CERTIFICATE, EnvoyCall, seconds_of, uri_names
from chassis.envoy.statuses import TransportStatus
from chassis.status import Code

UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
HASH = "Hash=" + "ab" * 32
SEPARATORS = ";,=\"'\\ \t\r\n"
NAME = re.compile(r"spiffe://[a-z]+/[a-z0-9/._-]+")

names = st.from_regex(NAME, fullmatch=True)
nasty = st.text(alphabet=st.sampled_from('ab/:;=,"\\ \n\x7féHUByRIhas'), min_size=1, max_size=30)


def headed(*headers: tuple[bytes, bytes]) -> EnvoyCall:
    return EnvoyCall({"headers": list(headers), "client": ("127.0.0.1", 40_000)})


@given(st.integers(0, 99_999_999), st.sampled_from(sorted(UNITS)), st.booleans())
def test_a_timeout_is_a_number_and_a_unit(number: int, unit: str, padded: bool) -> None:
    text = f"{number:08}{unit}" if padded else f"{number}{unit}"
    assert seconds_of(text.encode()) == pytest.approx(number * UNITS[unit])


@given(
    st.one_of(
        st.binary(max_size=12),
        st.text(alphabet="0123456789HMSmuns+-._ ٣²", max_size=12).map(str.encode),
    )
)
def test_nothing_else_is_a_timeout(text: bytes) -> None:
    if re.fullmatch(rb"[0-9]{1,8}[HMSmun]", text):
        assert seconds_of(text) >= 0
        return
    with pytest.raises(TransportStatus) as caught:
        seconds_of(text)
    assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "text",
    [b"", b"S", b"1", b"1s", b"123456789S", b"-1S", b"1.5S", b" 1S", b"1S ", b"1_0S", b"\xb2S"],
    ids=str,
)
def test_a_bad_timeout_refuses_its_call(text: bytes) -> None:
    with pytest.raises(TransportStatus):
        seconds_of(text)
    if text:
        with pytest.raises(TransportStatus):
            headed((b"grpc-timeout", text))


def test_a_deadline_runs_from_the_calls_beginning() -> None:
    began = time.monotonic()
    left = headed((b"grpc-timeout", b"2500m")).time_remaining()
    assert left is not None
    assert 2.5 - (time.monotonic() - began) <= left <= 2.5
    assert headed().time_remaining() is None


@given(st.one_of(st.binary(max_size=80), nasty.map(lambda text: f"{HASH};URI={text}".encode())))
def test_no_header_gives_two_names_or_a_strange_one(header: bytes) -> None:
    found = uri_names(header)
    assert len(found) <= 1
    for name in found:
        assert name
        assert name.isascii()
        assert name.isprintable()
        assert not set(name) & set(';,="\\ ')


@given(names, st.booleans())
def test_a_plain_name_is_whose_it_is(name: str, ours: bool) -> None:
    before = f"By=spiffe://demo/vault;By=spiffe://demo/us;{HASH}" if ours else HASH
    assert uri_names(f"{before};URI={name}".encode()) == (name,)


@given(st.lists(names, min_size=2, max_size=4))
def test_several_names_are_nobodys(several: list[str]) -> None:
    header = ";".join([HASH, *(f"URI={name}" for name in several)])
    assert uri_names(header.encode()) == ()


@given(st.text(max_size=8), st.sampled_from(SEPARATORS), st.text(max_size=8))
def test_a_name_with_a_separator_is_nobodys(before: str, separator: str, after: str) -> None:
    if separator != "'":  # no separator of Envoy's
        name = f"spiffe://demo/{before}{separator}{after}"
        assert uri_names(f"{HASH};URI={name}".encode()) == ()


FORGED = {
    "two names": "app;URI=spiffe://demo/psp",
    "our own": "psp;By=spiffe://demo/vault",
    "a hash": "psp;Hash=00",
    "a subject": "psp;Subject=x",
    "nothing": "psp;",
    "two certificates": f"app,{HASH};URI=spiffe://demo/psp",
    "a comma": "psp,x",
    "quotes": '"psp"',
    "an escape": "psp\\",
    "a space": "psp x",
    "a line": "psp\nx",
    "a letter": "pśp",
    "delete": "psp\x7f",
    "zero": "psp\x00",
}


@pytest.mark.parametrize("name", FORGED.values(), ids=FORGED)
def test_a_certificates_name_cannot_look_like_another(name: str) -> None:
    for before in (HASH, f"By=spiffe://demo/vault;{HASH}"):
        assert uri_names(f"{before};URI=spiffe://demo/{name}".encode()) == ()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "URI=spiffe://demo/psp",
        f"URI=spiffe://demo/psp;{HASH}",
        f"{HASH};URI=",
        f"{HASH};{HASH};URI=spiffe://demo/psp",
        f"{HASH};URI",
        f"{HASH};uri=spiffe://demo/psp",
        f"{HASH};DNS=spiffe://demo/psp",
        f"By=a;{HASH};By=b;URI=spiffe://demo/psp",
        "By=a;By=b",
    ],
    ids=["empty", "bare", "first", "nameless", "hashes", "no value", "small", "dns", "by", "bys"],
)
def test_what_envoy_would_not_write_is_nobodys(header: str) -> None:
    assert uri_names(header.encode()) == ()
    assert tuple(headed((CERTIFICATE, header.encode())).peer_sans()) == ()


def test_metadata_is_what_the_caller_sent() -> None:
    call = headed(
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (CERTIFICATE, b"x" * 900),
        (b"grpc-timeout", b"1S"),
        (b"x-raw-bin", b"AAE"),
        (b"x-note", b"one"),
        (b"x-note", b"caf\xe9"),
    )
    assert call.metadata() == {"x-note": "one,café"}
    # As HTTP/2 counts: each with 32 more; what Envoy tells of the certificate isn't the caller's.
    without = headed((b"x-note", b"one")).metadata_bytes
    assert without == len("x-note") + len("one") + 32
    assert headed((b"x-note", b"one"), (CERTIFICATE, b"x" * 900)).metadata_bytes < without + 60


@pytest.mark.parametrize(
    ("client", "origin"),
    [
        (("127.0.0.1", 40_000), "ipv4:127.0.0.1:40000"),
        (("::1", 40_000), "ipv6:[::1]:40000"),
        (None, "unknown:"),
    ],
    ids=["four", "six", "none"],
)
def test_the_origin_is_spelled_as_grpc_does(client: Any, origin: str) -> None:
    assert EnvoyCall({"headers": [], "client": client}).origin() == origin
