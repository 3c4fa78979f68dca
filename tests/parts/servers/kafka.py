"""A real Kafka broker (KRaft, one node) in a temporary directory, stopped by its process id.

Its jars come from Maven Central once, by the pinned `kafka_jars/pom.xml`, into the cache beside the
checkout. Nothing else of Kafka's distribution is needed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tools.running.guardian import mind
from tools.running.ports import free_ports

POM = Path(__file__).with_name("kafka_jars") / "pom.xml"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
CLUSTER = "Y2FyZHZhdWx0LXRlc3RzMQ"  # any 16 bytes, in base64
START_S = 90.0
LOG = "org.slf4j.simpleLogger.defaultLogLevel=warn"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=3
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# A broker that was killed may register again as soon as its last life is taken to be over.
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=400
# A page that is lost with a killed process is the kernel's to keep; a power cut is not tested here.
log.flush.interval.messages=9223372036854775807
"""


def jars() -> str:
    """Return the class path, fetched on first use."""
    cache = Path(os.environ.get("CARDVAULT_CACHE") or Path.home() / ".cache" / "cardvault")  # noqa: TID251
    where = cache / f"kafka-{sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not where.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        making = Path(mkdtemp(prefix="kafka-", dir=cache))
        command = ["mvn", "-q", "-B", "-f", str(POM), COPY, f"-DoutputDirectory={making}"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=600)
        if done.returncode:
            shutil.rmtree(making)
            raise RuntimeError(done.stdout.decode(errors="replace")[-2000:])
        try:
            making.rename(where)
        except OSError:  # another run was first
            shutil.rmtree(making)
    return f"{where}/*"


class KafkaServer:
    """One broker; it can be killed and started again over the same data."""

    def __init__(self, home: Path, port: int, tls_port: int) -> None:
        self.port = port
        self.tls_port = tls_port
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return the broker's plaintext listener."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until the broker answers."""
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["java", *self._java(), "kafka.Kafka", str(self._home / "server.properties")],
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        mind(self._process.pid)
        end = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError((self._home / "log").read_text(errors="replace")[-3000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """Die at once (SIGKILL); nothing if it is dead."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def pause(self) -> None:
        """Stop answering, connections kept."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        self._signal(signal.SIGCONT)

    def format(self) -> None:
        """Make the empty data directory."""
        command = ["java", *self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER]
        command += ["-c", str(self._home / "server.properties")]
        subprocess.run(command, cwd=self._home, check=True, capture_output=True, timeout=START_S)

    def topic(self, name: str, config: dict[str, str] | None = None) -> None:
        """Make a topic of three partitions, and wait until the broker shows it to everybody."""
        admin = AdminClient({"bootstrap.servers": self.address})  # what it does ends with it
        admin.create_topics([NewTopic(name, 3, 1, config=config or {})])[name].result(30)
        end = time.monotonic() + START_S
        # The controller has answered; the broker hears of it a little later.
        while (
            name not in (seen := admin.list_topics(timeout=10).topics)
            or len(seen[name].partitions) < 3
        ):
            if time.monotonic() > end:
                raise RuntimeError("the topic does not appear")
            time.sleep(0.05)

    def _java(self) -> list[str]:
        return ["-Xmx512m", "-XX:TieredStopAtLevel=1", f"-D{LOG}", "-cp", jars()]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        try:
            AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=5)
        except KafkaException:
            return False
        return True


@contextmanager
def kafka_server(tls: Path | None = None) -> Iterator[KafkaServer]:
    """Run a broker until the block is left; with `tls` (ca.pem, server.pem, server.key) by TLS too.

    The TLS listener asks its clients for certificates of the same authority.
    """
    home = Path(mkdtemp(prefix="cardvault-kafka-"))
    port, controller, tls_port = free_ports(3)
    listeners = [f"PLAINTEXT://127.0.0.1:{port}", f"CONTROLLER://127.0.0.1:{controller}"]
    if tls is not None:
        listeners.append(f"SSL://127.0.0.1:{tls_port}")
    text = PROPERTIES.format(
        controller=controller,
        listeners=",".join(listeners),
        advertised=",".join(each for each in listeners if not each.startswith("CONTROLLER")),
        data=home / "data",
    )
    (home / "server.properties").write_text(text + ("" if tls is None else _tls(home, tls)))
    server = KafkaServer(home, port, tls_port)
    try:
        server.format()
        server.start()
        yield server
    finally:
        server.resume()
        server.kill()
        shutil.rmtree(home)


def _tls(home: Path, pki: Path) -> str:
    """Return the TLS listener's settings: PEM files, clients known by their certificates."""
    both = home / "server-both.pem"
    both.write_text((pki / "server.key").read_text() + (pki / "server.pem").read_text())
    return (
        "ssl.client.auth=required\nssl.keystore.type=PEM\nssl.truststore.type=PEM\n"
        f"ssl.keystore.location={both}\nssl.truststore.location={pki / 'ca.pem'}\n"
    )
