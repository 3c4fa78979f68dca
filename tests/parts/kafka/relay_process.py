"""`python tests/parts/kafka/relay_process.py DSN PORT TOPIC`: a relay and nothing else, to kill."""

from __future__ import annotations

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.events.address import KafkaAddress, KafkaSettings
from chassis.events.kafka_sink import KafkaSink
from chassis.events.partition import RelayLimits
from chassis.events.relay import EventRelay
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.rpc.events_out import EVENTS


async def main(dsn: str, port: int, topic: str) -> None:
    """Relay until killed."""
    address = KafkaAddress((("127.0.0.1", port),), topic, tls=False)
    sink = KafkaSink(KafkaSettings(address, f"cardvault-{topic}", timeout_s=5.0), EVENTS)
    # Small batches, so that there is always one under way when a kill comes.
    limits = RelayLimits(batch=50, idle_s=0.02)
    async with open_postgres(Address(dsn)) as engine:
        await EventRelay(engine.outbox, sink, SystemClock(), limits=limits).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
