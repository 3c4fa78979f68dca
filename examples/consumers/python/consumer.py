"""Follow card events from Kafka: `python consumer.py BROKERS TOPIC GROUP`.

Events come at least once, in order for each token. Two habits make that exactly once for you:
drop what you have seen (the CloudEvents id), and check that (token, revision) has no gap. Keep both
in your own database, changed in the transaction that does your work; here it is a dictionary.
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from typing import cast

from cardvault.vault.v1.event_pb2 import CardEvent
from confluent_kafka import Consumer, Message

SETTINGS = {
    # What a relay had begun when it died is never shown.
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    # Offsets are committed after the work: a crash in between shows the event again.
    "enable.auto.commit": False,
}


class Gap(Exception):
    """A token's next event is missing: stop, and read the card from the vault."""


class CardEvents:
    """Turns messages into each card's events, once each; `revisions` is what you keep."""

    def __init__(
        self,
        revisions: MutableMapping[tuple[str, str], int],
        handle: Callable[[CardEvent], None],
    ) -> None:
        self._revisions = revisions
        self._handle = handle

    def take(self, message: Message) -> bool:
        """Handle a message; return whether it was new. Raises Gap."""
        pairs = cast("list[tuple[str, bytes]]", message.headers() or [])
        headers = {name: value.decode() for name, value in pairs}
        if not headers.get("ce_type", "").startswith("cardvault.card."):
            return False  # a kind of event that this consumer does not know
        event = CardEvent.FromString(message.value() or b"")
        card = (event.tenant, event.token)
        if headers["ce_id"] != f"{event.tenant}/{event.token}/{event.revision}":
            raise ValueError("an event's id and its contents disagree")
        last = self._revisions.get(card, 0)
        if event.revision <= last:
            return False  # it came again
        if last and event.revision != last + 1:
            raise Gap(f"{event.token}: {event.revision} behind {last}")
        # A card met for the first time may be at any revision: the topic forgets what is old.
        self._handle(event)
        self._revisions[card] = event.revision
        return True


def show(event: CardEvent) -> None:
    """Print what happened."""
    card = event.card
    print(event.event_type, event.token, event.revision, card.brand, card.last4)


def main(brokers: str, topic: str, group: str) -> None:
    """Read until interrupted."""
    consumer = Consumer({**SETTINGS, "bootstrap.servers": brokers, "group.id": group})
    events = CardEvents({}, show)
    consumer.subscribe([topic])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                raise SystemExit(error.str())
            events.take(message)
            consumer.commit(message=message, asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:4])
