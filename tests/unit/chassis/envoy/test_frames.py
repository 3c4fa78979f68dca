"""A body's messages, however it is cut into events, and whatever else is in it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.envoy.frames import PREFIX, CallerGone, Inbox, Room, framed
from chassis.envoy.statuses import TransportStatus
from chassis.status import Code

T = TypeVar("T")
LIMIT = 256
ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
}

messages = st.binary(max_size=40)
encodings = st.sampled_from(sorted(ENCODERS))


class Body:
    """A request's body in these pieces; `asked` counts how many were taken. It never waits."""

    def __init__(self, pieces: Sequence[bytes], *, open_ended: bool = False) -> None:
        self._pieces = list(pieces)
        self._open = open_ended
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        if self.asked == len(self._pieces):
            return {"type": "http.disconnect"}
        self.asked += 1
        more = self._open or self.asked < len(self._pieces)
        return {
            "type": "http.request",
            "body": self._pieces[self.asked - 1],
            "more_body": more,
        }


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise AssertionError("it waited")


def only(body: Body, encoding: bytes = b"", limit: int = LIMIT) -> bytes:
    return finished(Inbox(body, encoding, limit, Room(1 << 30)).only())


def every(body: Body, encoding: bytes = b"") -> list[bytes]:
    async def taken() -> list[bytes]:
        return [message async for message in Inbox(body, encoding, LIMIT, Room(1 << 30)).all()]

    return finished(taken())


def refused(body: Body, encoding: bytes = b"") -> set[Code]:
    """Return how it is refused, as one message and as several."""
    codes = set()
    for take in (only, every):
        again = Body(body._pieces, open_ended=body._open)
        with pytest.raises(TransportStatus) as caught:
            take(again, encoding)
        codes.add(caught.value.code)
    return codes


@st.composite
def pieces_of(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """Cut a body anywhere; pieces may be empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=8)))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@given(st.data(), messages)
def test_one_message_is_the_same_however_it_comes(data: st.DataObject, message: bytes) -> None:
    assert only(Body(data.draw(pieces_of(framed(message))))) == message


@given(st.data(), st.lists(messages, max_size=5))
def test_several_messages_are_the_same_however_they_come(
    data: st.DataObject, wanted: list[bytes]
) -> None:
    body = b"".join(map(framed, wanted))
    assert every(Body(data.draw(pieces_of(body)))) == wanted


@given(st.data(), encodings, st.lists(st.tuples(messages, st.booleans()), max_size=4))
def test_compressed_messages_are_the_same_too(
    data: st.DataObject, encoding: bytes, wanted: list[tuple[bytes, bool]]
) -> None:
    body = b""
    for message, packed in wanted:
        sent = ENCODERS[encoding](message) if packed else message
        body += PREFIX.pack(packed, len(sent)) + sent
    assert every(Body(data.draw(pieces_of(body))), encoding) == [each for each, _ in wanted]


@given(st.data(), messages, st.integers(1, 44))
def test_a_message_that_is_cut_short_is_refused(
    data: st.DataObject, message: bytes, missing: int
) -> None:
    whole = framed(message)
    body = whole[: max(1, len(whole) - missing)]
    assert refused(Body(data.draw(pieces_of(body)))) == {Code.INVALID_ARGUMENT}


def test_no_message_is_refused_where_one_is_due() -> None:
    with pytest.raises(TransportStatus) as caught:
        only(Body([b""]))
    assert caught.value.code is Code.UNIMPLEMENTED
    assert every(Body([b""])) == []


@given(messages, st.binary(min_size=1, max_size=20))
def test_more_than_one_message_is_refused_at_once(message: bytes, extra: bytes) -> None:
    body = Body([framed(message) + extra, b"never", b"asked for"], open_ended=True)
    with pytest.raises(TransportStatus) as caught:
        only(body)
    assert caught.value.code is Code.UNIMPLEMENTED
    assert body.asked == 1


@given(st.integers(LIMIT + 1, 2**32 - 1), st.integers(0, 255), st.binary(max_size=9))
def test_too_long_a_message_is_refused_by_its_prefix(length: int, flags: int, begun: bytes) -> None:
    for take in (only, every):
        body = Body([PREFIX.pack(flags, length) + begun, b"never asked for"], open_ended=True)
        with pytest.raises(TransportStatus) as caught:
            take(body)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert body.asked == 1


@pytest.mark.parametrize("over", [0, 1], ids=["fits", "over"])
@pytest.mark.parametrize("encoding", [b"", *ENCODERS], ids=["plain", *map(bytes.decode, ENCODERS)])
def test_the_limit_is_of_the_message_as_it_is(encoding: bytes, over: int) -> None:
    message = bytes(LIMIT + over)
    sent = ENCODERS[encoding](message) if encoding else message
    body = Body([PREFIX.pack(bool(encoding), len(sent)) + sent])
    if over:
        assert refused(body, encoding) == {Code.RESOURCE_EXHAUSTED}
    else:
        assert only(body, encoding) == message


@pytest.mark.parametrize("encoding", ENCODERS, ids=map(bytes.decode, ENCODERS))
def test_a_bomb_goes_off_in_a_small_room(encoding: bytes) -> None:
    bomb = ENCODERS[encoding](bytes(64 << 20))
    limit = 1 << 20
    assert len(bomb) < limit
    body = Body([PREFIX.pack(1, len(bomb)) + bomb])
    tracemalloc.start()
    try:
        with pytest.raises(TransportStatus) as caught:
            only(body, encoding, limit)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert peak < 4 * limit


@given(st.binary(max_size=60), encodings)
def test_garbage_is_no_compressed_message(garbage: bytes, encoding: bytes) -> None:
    body = Body([PREFIX.pack(1, len(garbage)) + garbage])
    assert refused(body, encoding) == {Code.INVALID_ARGUMENT}


@given(messages, encodings, st.binary(min_size=1, max_size=9), st.integers(1, 6))
def test_what_follows_or_is_missing_of_compressed_bytes_is_garbage(
    message: bytes, encoding: bytes, extra: bytes, missing: int
) -> None:
    packed = ENCODERS[encoding](message)
    for sent in (packed + extra, packed[:-missing]):
        body = Body([PREFIX.pack(1, len(sent)) + sent])
        assert refused(body, encoding) == {Code.INVALID_ARGUMENT}


@given(st.integers(2, 255), messages, encodings, st.booleans())
def test_unknown_flags_are_refused(
    flags: int, message: bytes, encoding: bytes, packed: bool
) -> None:
    sent = ENCODERS[encoding](message) if packed else message
    body = Body([PREFIX.pack(flags, len(sent)) + sent])
    assert len(refused(body, encoding) & {Code.INVALID_ARGUMENT, Code.INTERNAL}) == 1


@pytest.mark.parametrize("encoding", [b"", b"identity"], ids=["none", "identity"])
def test_compressed_by_nothing_is_refused(encoding: bytes) -> None:
    packed = gzip.compress(b"hello")
    body = Body([PREFIX.pack(1, len(packed)) + packed])
    assert len(refused(body, encoding) & {Code.INVALID_ARGUMENT, Code.INTERNAL}) == 1


@given(st.data(), messages)
def test_a_caller_who_goes_in_the_middle_is_gone(data: st.DataObject, message: bytes) -> None:
    whole = framed(message)
    body = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for take in (only, every):
        with pytest.raises(CallerGone):
            take(Body([body], open_ended=True))


@given(st.data(), st.lists(messages, min_size=2, max_size=5))
def test_all_requests_together_have_one_room(data: st.DataObject, several: list[bytes]) -> None:
    """Whoever would overfill it is refused; what a call took is free again when it is over."""
    needed = sum(len(framed(each)) for each in several)
    for most, fits in ((needed, True), (needed - 1, False)):
        room, inboxes = Room(most), list[Inbox]()
        taken: list[bytes] = []
        try:
            for message in several:
                body = Body(data.draw(pieces_of(framed(message))))
                inboxes.append(Inbox(body, b"", LIMIT, room))
                taken.append(finished(inboxes[-1].only()))
        except TransportStatus as error:
            assert error.code is Code.RESOURCE_EXHAUSTED  # noqa: PT017 - only where it is full
        assert (taken == several) is fits
        for inbox in inboxes * 2:  # twice is as once
            inbox.close()
        assert room.left == most
