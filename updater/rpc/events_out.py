"""Events as bytes: a file or an inquiry exactly as the services show them, without counts."""

from typing import Final

from cardvault.updater.v1 import event_pb2 as pb

from chassis.events.source import EventSource
from updater.domain.events import Happening
from updater.domain.feed import FeedFile
from updater.rpc.feed_messages import feed_file
from updater.rpc.messages import inquiry, timestamp
from updater.usecases.ports_store import InquiryProgress

EVENTS: Final = EventSource(
    "cardvault/updater",
    {
        "cardvault.feed.": "cardvault.updater.v1.FeedEvent",
        "cardvault.inquiry.": "cardvault.updater.v1.InquiryEvent",
    },
)
_NOTHING_YET: Final = InquiryProgress(0, 0, {})


def encode_event(happened: Happening) -> bytes:
    """Return an event's message."""
    about = happened.about
    if isinstance(about, FeedFile):
        return pb.FeedEvent(
            event_type=happened.type.value,
            tenant=about.tenant,
            sequence=happened.sequence,
            feed_file=feed_file(about),
            time=timestamp(happened.time),
        ).SerializeToString()
    return pb.InquiryEvent(
        event_type=happened.type.value,
        tenant=about.tenant,
        sequence=happened.sequence,
        inquiry=inquiry(about, _NOTHING_YET),
        time=timestamp(happened.time),
    ).SerializeToString()
