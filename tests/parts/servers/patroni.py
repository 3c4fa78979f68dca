"""Three PostgreSQL nodes under Patroni and etcd, a machine each: killed, cut off and healed.

The times are the shortest that Patroni takes: it raises any `ttl` below 20 s to that. A lost
primary is therefore replaced after up to 20 s; one whose PostgreSQL alone died, at once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from tests.parts.servers.etcd import etcd_command, etcd_hosts
from tests.parts.servers.memory import roomy
from tests.parts.servers.network import Place, Side, as_postgres, machines
from tests.parts.servers.patroni_node import Node

ROOT: Final = Path(__file__).parents[3]
LOCK: Final = ROOT / "requirements" / "patroni.txt"
# Root's own Python and its directories are out of the user postgres's reach: tools/parts.sh.
VENV: Final = Path("/var/cache/cardvault") / (
    "patroni-" + hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
)
SETTINGS: Final[Mapping[str, Any]] = {
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "synchronous_mode_strict": True,  # no standby: no commit, rather than one on a single node
    "primary_start_timeout": 0,  # a crashed primary is replaced, not waited for
    "maximum_lag_on_failover": 1 << 20,
}
PARAMETERS: Final[Mapping[str, Any]] = {
    "synchronous_commit": "on",
    "wal_log_hints": "on",  # pg_rewind needs it
    "wal_keep_size": "256MB",
    "max_connections": 100,
    "wal_sender_timeout": "5s",  # how soon a standby that was cut off is missed
    "wal_receiver_timeout": "5s",
    "fsync": "off",  # no power is lost here
    "dynamic_shared_memory_type": "mmap",  # nothing outside the directory is left by a kill
}
PORT: Final = 5432
_API_PORT: Final = 8008
START_S: Final = 120.0


class Cluster:
    """Three nodes; one leads, one stands by synchronously, one follows."""

    def __init__(self, root: Path, places: Sequence[Place]) -> None:
        self._places: Final = places
        self.nodes: Final = {f"m{place.number}": Node(place, root) for place in places}
        for node in self.nodes.values():
            node.root.mkdir(mode=0o700)
            (node.root / "socket").mkdir()
            (node.root / "patroni.json").write_text(json.dumps(self._configuration(node)))
            subprocess.run(["chown", "-R", "postgres:postgres", str(node.root)], check=True)

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return where the cluster is, for a client: all hosts, whoever leads."""
        hosts = ",".join(f"{each.address(Side.CLIENTS)}:{PORT}" for each in self._places)
        return f"postgresql://{user}@{hosts}/{database}?target_session_attrs=read-write"

    def start(self, name: str) -> None:
        """Start a node's services."""
        node = self.nodes[name]
        node.start("etcd", etcd_command(node.place, self._places, node.root / "etcd"))
        self.start_patroni(name)

    def start_patroni(self, name: str) -> None:
        """Start a node's Patroni, which starts PostgreSQL or finds it running."""
        node = self.nodes[name]
        patroni = (str(VENV / "bin" / "patroni"), str(node.root / "patroni.json"))
        node.start("patroni", node.place.inside(*as_postgres(patroni)))

    def roles(self) -> dict[str, str]:
        """Return each running node's role, as somebody says who follows the leader."""
        for node in self.nodes.values():
            said = self._ask(node, "cluster")
            found = {
                each["name"]: str(each["role"])
                for each in said.get("members", ())
                if each.get("state") in ("running", "streaming")
            }
            if "leader" in found.values():
                return found
        return {}

    def leader(self) -> str:
        """Return who leads by its own account, or nothing."""
        for node in self.nodes.values():
            if self._ask(node, "primary").get("role") in ("primary", "master"):
                return node.name
        return ""

    def wait_replaced(self, name: str) -> None:
        """Wait until the others follow another leader than this node."""
        others = [node for node in self.nodes.values() if node.name != name]
        _wait(lambda: any(self._led_by(node) not in ("", name) for node in others), self.logs)

    def whole(self) -> bool:
        """Tell whether all three run, one leads and one stands by synchronously."""
        roles = self.roles()
        if sorted(roles.values()) != ["leader", "replica", "sync_standby"]:
            return False
        # What the members know of each other lags: right after a failover, the last leader's view.
        return roles.get(self.leader()) == "leader"

    def wait_whole(self) -> dict[str, str]:
        """Wait until `whole`; return the roles by node."""
        _wait(self.whole, self.logs)
        return self.roles()

    def logs(self) -> str:
        """Return the end of each Patroni's log."""
        ends = []
        for node in self.nodes.values():
            log = node.root / "patroni.log"
            lines = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
            ends.append(f"\n{node.name}:\n  " + "\n  ".join(lines))
        return "".join(ends)

    def _led_by(self, node: Node) -> str:
        members = self._ask(node, "cluster").get("members", ())
        return next((str(each["name"]) for each in members if each["role"] == "leader"), "")

    def _ask(self, node: Node, what: str) -> dict[str, Any]:
        url = f"http://{node.place.address(Side.MEMBERS)}:{_API_PORT}/{what}"
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError, urllib.error.URLError):
            return {}

    def _configuration(self, node: Node) -> dict[str, Any]:
        own, outer = (node.place.address(side) for side in (Side.MEMBERS, Side.CLIENTS))
        return {
            "scope": "vault",
            "name": node.name,
            "restapi": {"listen": f"{own}:{_API_PORT}", "connect_address": f"{own}:{_API_PORT}"},
            "etcd3": {"hosts": etcd_hosts(self._places)},
            "bootstrap": {
                "dcs": dict(SETTINGS)
                | {"postgresql": {"use_pg_rewind": True, "parameters": dict(PARAMETERS)}},
                "initdb": [{"encoding": "UTF8"}, "data-checksums", "no-sync"],
            },
            "postgresql": {
                "listen": f"{own},{outer}:{PORT}",
                "connect_address": f"{own}:{PORT}",
                "data_dir": str(node.root / "data"),
                "bin_dir": "/usr/lib/postgresql/15/bin",
                "pgpass": str(node.root / "pgpass"),
                "use_unix_socket": True,
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all all trust",
                    "host replication all all trust",
                ],
                "parameters": {"unix_socket_directories": str(node.root / "socket")},
            },
        }


@contextmanager
def patroni_cluster() -> Iterator[Cluster]:
    """Run three nodes until the block is left; they are whole on entry."""
    root = Path(mkdtemp(prefix="cardvault-patroni-", dir=roomy()))
    root.chmod(0o755)
    try:
        with machines(3) as places:
            cluster = Cluster(root, places)
            try:
                for name in cluster.nodes:
                    cluster.start(name)
                cluster.wait_whole()
                yield cluster
            finally:
                for node in cluster.nodes.values():
                    node.stop()
    finally:
        shutil.rmtree(root)


def _wait(ready: Callable[[], bool], logs: Callable[[], str]) -> None:
    end = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"the cluster is not as it should be{logs()}")
        time.sleep(0.2)
