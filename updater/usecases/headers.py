"""What stands in the headers of a channel's inquiry files, and names the batch in them."""

import io
from dataclasses import replace
from typing import Final

from cards.brands import Brand
from updater.domain.inquiry import Inquiry, new_reference
from updater.files.answers import AskRecord, RequestHead
from updater.files.digits import Digits
from updater.files.refusal import RecordInvalid
from updater.usecases.channel import Channel
from updater.usecases.ports_store import InquiryStore

BATCH_ID_DIGITS: Final = 26
"""As many digits as our batch ids have: a format with room for them carries them as they are."""

_SEQUENCES: Final = 10_000


async def wire_batch_of(channel: Channel, batch_id: str, inquiries: InquiryStore) -> str:
    """Return the batch id as the format's header carries it: ours, a short one, or nothing."""
    digits = channel.codec.batch_digits
    if digits >= BATCH_ID_DIGITS:
        return batch_id
    return await inquiries.next_wire(channel.name, digits) if digits else ""


def head_of(channel: Channel, inquiry: Inquiry, *, now: int) -> RequestHead:
    """Return an inquiry file's header; `now` is when the file is made.

    The short batch id, which counts up, is what tells the files of one day apart.
    """
    return RequestHead(
        merchant_id=inquiry.merchant_id,
        batch=inquiry.wire_batch,
        status_email=channel.status_email,
        created=now,
        network=inquiry.network,
        segment=channel.segments.get(inquiry.network, ""),
        sequence=int(inquiry.wire_batch or "0") % _SEQUENCES,
        terminal_id=channel.terminal_id,
    )


def writable(channel: Channel, inquiry: Inquiry, brand: Brand) -> bool:
    """Tell whether the format has room for an inquiry's header, and for a card of a brand.

    It is tried, on a file that nobody keeps: before cards are tied to an inquiry that can't be
    written.
    """
    digits = channel.codec.batch_digits
    tried = replace(inquiry, wire_batch="1".zfill(digits) if digits else "")
    ask = AskRecord(new_reference(), Digits("0" * 16), None, brand)
    try:
        head = head_of(channel, tried, now=inquiry.created_at)
        channel.codec.write_request(head, [ask], 1, io.BytesIO())
    except RecordInvalid:
        return False
    return True
