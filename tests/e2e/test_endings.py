"""A service that cannot start says so in a sentence, with its status, and shows no traceback."""

from pathlib import Path

import pytest

from tests.e2e.processes import Site

BAD_POLICY = "principals: []\nroles: {nobody: {allow: [everything]}}\n"


@pytest.mark.parametrize("service", ["vault", "updater"])
async def test_a_bad_policy_keeps_a_service_from_starting(tmp_path: Path, service: str) -> None:
    async with Site.temporary(tmp_path) as site:
        (site.data / "policy.yaml").write_text(BAD_POLICY)
        done = site.run("-m", service, "serve", accept=(1,))
        assert b"policy" in done.stderr
        assert b"Traceback" not in done.stderr


async def test_a_second_vault_on_one_database_is_refused(tmp_path: Path) -> None:
    async with Site.temporary(tmp_path) as site:
        await site.start_vault()
        second = Site(site.data, site.logs / "second", _elsewhere(site))
        done = second.run("-m", "vault", "serve", accept=(1,))
        assert b"Traceback" not in done.stderr
        assert b"another process" in done.stderr
        second.close()


def _elsewhere(site: Site) -> dict[str, str]:
    return dict.fromkeys(site.addresses, "127.0.0.1:0")
