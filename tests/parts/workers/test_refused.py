"""What several workers can't share is refused before one is started, in a sentence."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.processes import Site
from tests.parts.servers.postgres import PostgresServer
from tests.parts.workers.site import shared_site, started, supervised

BAD = (
    ("DATABASE_URL", "sqlite:///vault.db", b"workers need postgresql://"),
    ("DATABASE_URL", "memory:", b"workers need postgresql://"),
    ("REDIS_URL", "", b"set redis_url"),
    ("EVENTS_URL", "file://events.jsonl", b"set events_url"),
    ("LISTEN", "127.0.0.1:0", b"workers share their ports"),
)


async def test_it_is_refused(tmp_path: Path, postgres: PostgresServer) -> None:
    async with shared_site(tmp_path, postgres) as site:
        good = dict(site.env)
        for setting, value, why in BAD:
            site.env.clear()
            site.env.update(good)
            if value:
                site.env[f"CARDVAULT_{setting}"] = value
            else:
                del site.env[f"CARDVAULT_{setting}"]
            for command in ("check-config", "serve"):
                done = site.run("-m", "vault", command, "--workers", "2", accept=(2,))
                assert why in b" ".join(done.stderr.split())
                assert b"Traceback" not in done.stderr


async def test_a_second_supervisor_on_the_ports_is_refused(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with shared_site(tmp_path, postgres) as site:
        process = supervised(site, 2)
        await started(site, process, 2)
        second = Site(site.data, site.logs / "second", site.addresses, site.env)
        done = second.run("-m", "vault", "serve", "--workers", "2", accept=(1,))
        assert b"in use by another process" in done.stderr
        assert await process.stop() == 0


async def test_workers_that_cannot_start_end_the_supervisor_with_their_sentence(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with shared_site(tmp_path, postgres) as site:
        (site.data / "policy.yaml").write_text("principals: []\nroles: {x: {allow: [all]}}\n")
        done = site.run("-m", "vault", "serve", "--workers", "3", accept=(1,))
        assert done.stderr.count(b"policy") == 1
        assert b"Traceback" not in done.stderr
