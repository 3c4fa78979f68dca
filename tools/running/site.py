"""A whole installation in one directory: data, exchange, both services and the simulator.

async with Site.temporary() as site:
    await site.start_vault()
    async with site.channel("app") as channel: ...
    site.vault.kill()
    await site.start_vault()
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Self

import grpc

from chassis.channel import open_channel
from chassis.tls import TlsFiles
from tools.running.ports import free_ports
from tools.running.process import Process, ProcessFailed

ROOT: Final = Path(__file__).parents[2]
IMPORTS: Final = {"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", "PYTHONDONTWRITEBYTECODE": "1"}
"""What a process of ours needs of its environment, to find our modules and leave none behind."""

STANDARD: Final[Mapping[str, str]] = {
    "CARDVAULT_LISTEN": "127.0.0.1:50051",
    "CARDVAULT_OPS_LISTEN": "127.0.0.1:9451",
    "CARDVAULT_HEALTH_LISTEN": "127.0.0.1:50061",
    "CARDVAULT_UPDATER_LISTEN": "127.0.0.1:50052",
    "CARDVAULT_UPDATER_OPS_LISTEN": "127.0.0.1:9452",
    "CARDVAULT_UPDATER_HEALTH_LISTEN": "127.0.0.1:50062",
}
"""Where both services listen by default (api.md, "Addresses and commands")."""


def free_addresses() -> dict[str, str]:
    """Return addresses for both services on ports that are free now."""
    ports = free_ports(len(STANDARD))
    return {name: f"127.0.0.1:{port}" for name, port in zip(STANDARD, ports, strict=True)}


class Site:
    """An installation. `data` holds what `init` makes; logs lie beside it, outside of it."""

    def __init__(
        self,
        data: Path,
        logs: Path,
        addresses: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data: Final = data.absolute()
        self.logs: Final = logs.absolute()
        self.addresses: Final = dict(addresses)
        self.env: Final = {
            **_environment(self.data),
            **self.addresses,
            "CARDVAULT_UPDATER_VAULT_ADDRESS": self.addresses["CARDVAULT_LISTEN"],
            **(settings or {}),
        }
        self._processes: Final[list[Process]] = []
        self.vault = self.process("vault", "-m", "vault", "serve")
        self.updater: Final = self.process("updater", "-m", "updater", "serve")

    @classmethod
    @asynccontextmanager
    async def temporary(
        cls, root: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        """Make an installation on free ports under `root` (default: a directory that goes)."""
        quick = {
            "CARDVAULT_ENDPOINT_DELAY": "PT0S",
            "CARDVAULT_UPDATER_ENDPOINT_DELAY": "PT0S",
            "CARDVAULT_CONNECTION_AGE": "PT5M",  # so that a stop doesn't wait for connections
        }
        with ExitStack() as stack:
            home = root or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="cardvault-"))
            )
            everything = {**quick, **(settings or {})}
            site = cls(home / "data", home / "logs", free_addresses(), everything)
            stack.callback(site.close)
            site.init()
            yield site

    @property
    def exchange(self) -> Path:
        """Return the exchange's root."""
        return self.data / "exchange"

    @property
    def vault_address(self) -> str:
        """Return where the vault's API is."""
        return self.addresses["CARDVAULT_LISTEN"]

    def tls(self, identity: str) -> TlsFiles:
        """Return an identity's certificate files."""
        pki = self.data / "pki"
        return TlsFiles(pki / "ca.pem", pki / f"{identity}.pem", pki / f"{identity}.key")

    def channel(self, identity: str) -> grpc.aio.Channel:
        """Open a channel to the vault as `identity`; the caller closes it."""
        return open_channel(self.vault_address, self.tls(identity))

    def process(self, name: str, *arguments: str) -> Process:
        """Name a Python process of this site; it isn't started, and ends with the site."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = Process(
            name,
            (sys.executable, *arguments),
            env=self.env,
            cwd=ROOT,
            log=self.logs / f"{name}.log",
        )
        self._processes.append(process)
        return process

    def init(self) -> None:
        """Make keys, certificates, policy and databases; safe to repeat. Raises ProcessFailed."""
        self.run("-m", "vault", "init", "--dir", str(self.data))

    def run(
        self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a Python command to its end (≤ 5 min). Raises ProcessFailed with what it said."""
        done = subprocess.run(
            (sys.executable, *arguments),
            env=self.env,
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            timeout=300,
            check=False,
        )
        if done.returncode not in accept:
            said = (done.stdout + done.stderr).decode(errors="replace")[-2_000:]
            raise ProcessFailed(f"{' '.join(arguments[:3])} ended with {done.returncode}:\n{said}")
        return done

    async def start_vault(self, within: float = 30.0) -> None:
        """Start the vault and wait until it is ready."""
        self.vault.start()
        await self.vault.ready(self.addresses["CARDVAULT_OPS_LISTEN"], within)

    async def start_updater(self, within: float = 30.0) -> None:
        """Start the updater and wait until it is ready."""
        self.updater.start()
        await self.updater.ready(self.addresses["CARDVAULT_UPDATER_OPS_LISTEN"], within)

    def close(self) -> None:
        """Kill what still runs."""
        for process in reversed(self._processes):
            process.close()


def _environment(data: Path) -> dict[str, str]:
    """Return all settings for an installation in `data`, and no variable of the caller's."""
    pki = data / "pki"
    both = {
        "DATA_DIRECTORY": str(data),
        "TLS_CA": str(pki / "ca.pem"),
        "TLS_CERTIFICATE": str(pki / "server.pem"),
        "TLS_KEY": str(pki / "server.key"),
        "POLICY": str(data / "policy.yaml"),
    }
    vault = {
        **both,
        "DATABASE_URL": f"sqlite:///{data / 'vault.db'}",
        "EVENTS_URL": f"file://{data / 'events.jsonl'}",
        "KMS_KEY": f"local:{data / 'local-kms.key'}",
    }
    return {
        **IMPORTS,
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        **{f"CARDVAULT_{name}": value for name, value in vault.items()},
        **{
            f"CARDVAULT_UPDATER_{name}": value
            for name, value in (both | _updater_settings(data)).items()
        },
    }


def _updater_settings(data: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{data / 'updater.db'}",
        "CLIENT_CERTIFICATE": str(data / "pki" / "updater.pem"),
        "CLIENT_KEY": str(data / "pki" / "updater.key"),
        "TLS_CERTIFICATE": str(data / "pki" / "updater.pem"),
        "TLS_KEY": str(data / "pki" / "updater.key"),
        "EXCHANGE_DIRECTORY": str(data / "exchange"),
        "EXCHANGE_KEYS": str(data / "exchange-keys"),
    }
