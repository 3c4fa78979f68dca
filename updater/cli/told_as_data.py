"""What commands print for other programs (`--json`): the API's messages, field names as there."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from updater.domain.feed import Answer, FeedReport, Incident
from updater.rpc.feed_messages import feed_answer, feed_file, updater_exception


def message_data(message: Message) -> dict[str, Any]:
    """Return a message as JSON has it: 64-bit numbers are strings, times are RFC 3339."""
    return MessageToDict(message, preserving_proto_field_name=True)


def report_data(report: FeedReport) -> dict[str, Any]:
    """Return a file with its counts, as FeedFile."""
    return message_data(feed_file(report.file, report.counts))


def answer_data(answer: Answer) -> dict[str, Any]:
    """Return an answer, as FeedAnswer."""
    return message_data(feed_answer(answer))


def exception_data(incident: Incident) -> dict[str, Any]:
    """Return an exception, as UpdaterException."""
    return message_data(updater_exception(incident))
