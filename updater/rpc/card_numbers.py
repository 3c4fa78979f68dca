"""No field of a request to the updater is for card numbers: each is looked at before a handler."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from cards.masking import holds_card_number, is_card_number
from chassis.call import Call
from updater.rpc.errors import card_number_in_field

Handler = Callable[[Any, Call], Awaitable[Message]]
_FREE_TEXT: Final = frozenset({"reason"})
"""Fields with sentences: searched. All others hold ids, which are judged whole."""


def without_card_numbers(request: type[Message], handler: Handler) -> Handler:
    """Return the handler behind a check of every text of its request.

    Raises CARD_NUMBER_IN_OTHER_FIELD, naming the field and never the value.
    """
    checks = _checks(request)

    async def checked(message: Any, call: Call) -> Message:
        for name, is_bad in checks.items():
            if is_bad(getattr(message, name)):
                raise card_number_in_field(name)
        return await handler(message, call)

    return checked


def _checks(request: type[Message]) -> Mapping[str, Callable[[str], bool]]:
    """Return the check of each text field. Requests are flat: a nested one fails here, at start."""
    descriptor: Descriptor = request.DESCRIPTOR  # type: ignore[assignment] # the stubs' union
    found: dict[str, Callable[[str], bool]] = {}
    for field in descriptor.fields:
        text = field.type == FieldDescriptor.TYPE_STRING
        if field.message_type is not None or (text and field.is_repeated):
            raise TypeError(f"{request.__name__} is not flat")
        if text:
            found[field.name] = holds_card_number if field.name in _FREE_TEXT else is_card_number
    return found
