"""A real Redis Cluster in a temporary directory: TLS both ways, users with rights, six nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from chassis.pki import Leaf, ensure_pki
from tests.parts.servers.redis import RedisServer, redis_server, wait_until
from tools.running.ports import free_ports


@dataclass(frozen=True)
class Cluster:
    """Three masters and a replica each, with TLS both ways and one user of few rights."""

    nodes: list[RedisServer]
    options: list[tuple[str, ...]]
    pki: Path
    directory: Path

    @property
    def url(self) -> str:
        """Return what the vault is given: half of the nodes."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.nodes[::2])
        return f"rediss+cluster://vault:{CLUSTER_PASSWORD}@{hosts}"

    def admin(self, node: RedisServer) -> Redis:
        """Return an administrator's client of one node."""
        return Redis(
            port=node.port,
            username="admin",
            password=CLUSTER_PASSWORD,
            ssl=True,
            ssl_ca_certs=str(self.pki / "ca.pem"),
            ssl_certfile=str(self.pki / "app.pem"),
            ssl_keyfile=str(self.pki / "app.key"),
            socket_timeout=5,
        )

    def master_of(self, slot: int) -> RedisServer:
        """Return the node that has a slot, as a living node sees it."""
        node = next(each for each in self.nodes if each.process.poll() is None)
        with self.admin(node) as admin:
            for start, end, master, *_replicas in _slot_rows(admin):
                if start <= slot <= end:
                    return next(each for each in self.nodes if each.port == master[1])
        raise RuntimeError("nobody has this slot")

    def settled(self) -> bool:
        """Tell whether every living node finds all slots served and its own copy current."""
        for node in self.nodes:
            if node.process.poll() is not None:
                continue
            with self.admin(node) as admin:
                state = admin.execute_command("CLUSTER INFO")
                text = state.decode() if isinstance(state, bytes) else str(state)
                replica = admin.info("replication")
            if "'ok'" not in text and "cluster_state:ok" not in text:
                return False
            if replica["role"] == "slave" and replica["master_link_status"] != "up":
                return False
        return True


CLUSTER_PASSWORD = "s3cret-of-tests"
CLUSTER_RIGHTS = (
    "~cv:* +ping +eval +exists +wait +del +type +hset +hdel +hmget +pexpire +select"
    " +mget +set +cluster|slots"
)


def _slot_rows(admin: Redis) -> list[list[Any]]:
    found = admin.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
    if isinstance(found, dict):
        return [[*span, each["primary"]] for span, each in found.items()]
    return list(found)


@contextmanager
def redis_cluster(directory: Path) -> Iterator[Cluster]:
    """Run six nodes until the block is left; all slots are served on entry."""
    pki = directory / "pki"
    ensure_pki(pki, (Leaf("server", server=True), Leaf("app")), now=datetime.now(UTC))
    users = directory / "users.acl"
    users.write_text(
        "user default off\n"
        f"user vault on >{CLUSTER_PASSWORD} {CLUSTER_RIGHTS}\n"
        f"user admin on >{CLUSTER_PASSWORD} ~* &* +@all\n"
    )
    ports = free_ports(12)
    with ExitStack() as stack:
        cluster = Cluster([], [], pki, directory)
        for port, bus in zip(ports[:6], ports[6:], strict=True):
            options = (
                *("--port", "0", "--tls-port", str(port), "--cluster-port", str(bus)),
                *("--cluster-enabled", "yes", "--cluster-node-timeout", "1500"),
                *("--cluster-config-file", f"nodes-{port}.conf", "--tls-cluster", "yes"),
                *("--tls-replication", "yes", "--aclfile", str(users)),
                *("--masteruser", "admin", "--masterauth", CLUSTER_PASSWORD),
                *("--tls-ca-cert-file", str(pki / "ca.pem")),
                *("--tls-cert-file", str(pki / "server.pem")),
                *("--tls-key-file", str(pki / "server.key")),
            )
            cluster.options.append(options)
            cluster.nodes.append(stack.enter_context(redis_server(directory, *options, port=port)))
        _join(cluster)
        wait_until(cluster.settled, directory)
        yield cluster


@contextmanager
def revived(cluster: Cluster, node: RedisServer) -> Iterator[RedisServer]:
    """Start a killed node again, as what its configuration says it was."""
    place = cluster.nodes.index(node)
    with redis_server(cluster.directory, *cluster.options[place], port=node.port) as again:
        cluster.nodes[place] = again
        wait_until(cluster.settled, cluster.directory)
        yield again


def _join(cluster: Cluster) -> None:
    """Form the cluster by hand: `redis-cli --cluster` would be one more program to find."""
    with ExitStack() as stack:
        admins = [stack.enter_context(cluster.admin(node)) for node in cluster.nodes]
        third = -(-16384 // 3)
        for place, admin in enumerate(admins):
            admin.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
            if place < 3:
                last = min(16384, (place + 1) * third) - 1
                admin.execute_command("CLUSTER", "ADDSLOTSRANGE", place * third, last)
            if place:
                first = cluster.nodes[0].port
                bus = cluster.options[0][cluster.options[0].index("--cluster-port") + 1]
                admin.execute_command("CLUSTER", "MEET", "127.0.0.1", first, int(bus))
        names = [_text(admin.execute_command("CLUSTER", "MYID")) for admin in admins]
        wait_until(
            lambda: all(
                all(name in _text(admin.execute_command("CLUSTER", "NODES")) for name in names)
                for admin in admins
            ),
            cluster.directory,
        )
        for place in range(3, 6):
            wait_until(partial(_follows, admins[place], names[place - 3]), cluster.directory)


def _follows(admin: Redis, master: str) -> bool:
    try:
        admin.execute_command("CLUSTER", "REPLICATE", master)  # type: ignore[no-untyped-call]
    except RedisError:
        return False  # not introduced yet
    return True


def _text(answer: object) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)
