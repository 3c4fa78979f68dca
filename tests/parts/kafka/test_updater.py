"""The updater's events: of an inquiry and its answer, from a whole updater, at a real broker."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from cardvault.updater.v1 import event_pb2 as pb

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_processes import make_keys, simulate, store
from tests.doubles.vault_site import VaultSite, vault_site
from tests.parts.kafka.consuming import events, headers, seen
from tests.parts.servers.kafka import KafkaServer
from updater.config import UpdaterConfig
from updater.wiring import running_updater


def config_of(site: VaultSite, events_url: str) -> UpdaterConfig:
    root, pki = site.directory, site.directory / "pki"
    return UpdaterConfig.load(
        vault_address=site.address,
        listen="127.0.0.1:0",
        ops_listen="127.0.0.1:0",
        health_listen="127.0.0.1:0",
        tls_ca=pki / "ca.pem",
        tls_certificate=pki / "server.pem",
        tls_key=pki / "server.key",
        client_certificate=pki / "updater.pem",
        client_key=pki / "updater.key",
        policy=site.config.policy,
        database_url=f"sqlite:///{root}/updater.db",
        exchange_directory=root / "exchange",
        exchange_keys=root / "keys",
        endpoint_delay=timedelta(0),
        poll_interval=timedelta(seconds=0.2),
        events_url=events_url,
    )


async def test_an_inquiry_and_its_answer_are_told_in_order(
    kafka: KafkaServer, topic: str, tmp_path: Path
) -> None:
    make_keys(tmp_path)
    async with vault_site(tmp_path) as site:
        await store(site, [number_for_test(Brand.VISA, number) for number in range(5)])
        config = config_of(site, f"kafka://{kafka.address}/{topic}")
        async with running_updater(config), asyncio.timeout(90):
            while not any((tmp_path / "exchange" / "outbox").glob("*")):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await simulate(tmp_path)
            while len(events(kafka, topic)) < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    found = events(kafka, topic)
    told = {headers(each)["ce_type"] for each in found}
    assert told == {
        "cardvault.inquiry.created",
        "cardvault.inquiry.written",
        "cardvault.inquiry.sent",
        "cardvault.inquiry.answered",
        "cardvault.feed.received",
        "cardvault.feed.applied",
    }
    assert seen(kafka, topic).violations == []
    for each in found:
        attributes, value = headers(each), each.value() or b""
        assert attributes["ce_source"] == "cardvault/updater"
        if attributes["ce_type"].startswith("cardvault.feed."):
            assert attributes["ce_dataschema"] == "proto:cardvault.updater.v1.FeedEvent"
            assert pb.FeedEvent.FromString(value).feed_file.feed_file_id == attributes["ce_subject"]
        else:
            assert attributes["ce_dataschema"] == "proto:cardvault.updater.v1.InquiryEvent"
            assert pb.InquiryEvent.FromString(value).event_type == attributes["ce_type"]
