"""Count calls with children bound once per method and code; a record costs about a microsecond."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chassis import metric_names as names
from chassis.status import Code


class MethodMetrics:
    """Record the calls of one method."""

    __slots__ = ("_bind", "_by_code", "_ok")

    def __init__(self, bind: Callable[[str], Histogram]) -> None:
        self._bind: Final = bind
        self._ok: Final = bind(Code.OK.name).observe
        self._by_code: Final[dict[Code, Callable[[float], None]]] = {}

    def observe(self, code: Code, seconds: float) -> None:
        """Record one finished call by its code and duration."""
        if code is Code.OK:
            self._ok(seconds)
            return
        observe = self._by_code.get(code)
        if observe is None:
            observe = self._by_code[code] = self._bind(code.name).observe
        observe(seconds)


class ChassisMetrics:
    """Own the metrics both services share, in a registry of their own.

    No label ever holds input: methods come from routes, codes and tenants from closed sets.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry: Final = registry or CollectorRegistry()
        self._calls: Final = Histogram(
            names.RPC_DURATION,
            "Duration of calls by method and status code",
            (names.RPC_METHOD, names.RPC_STATUS),
            buckets=names.RPC_BUCKETS,
            registry=self.registry,
        )
        self._in_flight: Final = Gauge(
            names.RPC_IN_FLIGHT, "Calls being worked on", registry=self.registry
        )
        self.shed: Final = self._counter(names.RPC_SHED, "Calls refused for overload")
        self.log_dropped: Final = self._counter(
            names.LOG_DROPPED, "Log fields dropped by the allow-list"
        )
        self.log_redacted: Final = self._counter(
            names.LOG_REDACTED, "Card-number-like digits removed from logs; page on any"
        )
        self.policy_failures: Final = self._counter(
            names.POLICY_FAILURES, "Policy files refused while serving"
        )
        self.policy_principals: Final = Gauge(
            names.POLICY_PRINCIPALS, "Principals of the policy in force", registry=self.registry
        )
        self.certificate_failures: Final = self._counter(
            names.CERTIFICATE_FAILURES, "Certificate reloads refused while serving"
        )
        self.certificate_expiry: Final = Gauge(
            names.CERTIFICATE_EXPIRY, "End of the served certificate", registry=self.registry
        )
        self.loop_lag: Final = Gauge(
            names.LOOP_LAG, "How late the event loop last woke", registry=self.registry
        )
        self._unknown: Final = self.method(names.RPC_OTHER)

    def method(self, name: str) -> MethodMetrics:
        """Bind the metrics of "package.Service/Method"; once, at registration."""
        return MethodMetrics(lambda code: self._calls.labels(name, code))

    def unknown_method(self) -> None:
        """Count a call to a method nobody serves; its name is input and isn't kept."""
        self._unknown.observe(Code.UNIMPLEMENTED, 0.0)

    def watch_in_flight(self, read: Callable[[], float]) -> None:
        """Read the number of calls in flight at scrape time, so that calls needn't write it."""
        self._in_flight.set_function(read)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)
