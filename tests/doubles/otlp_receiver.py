"""A receiver of traces: OTLP's TraceService over gRPC, in this process, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class SpanSeen:
    """One span as it arrived."""

    proto: trace_pb2.Span
    service: str

    @property
    def name(self) -> str:
        return self.proto.name

    @property
    def trace(self) -> str:
        return self.proto.trace_id.hex()

    @property
    def id(self) -> str:
        return self.proto.span_id.hex()

    @property
    def parent(self) -> str:
        return self.proto.parent_span_id.hex()

    @property
    def links(self) -> set[str]:
        return {link.span_id.hex() for link in self.proto.links}

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
            for each in self.proto.attributes
        }


@dataclass
class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what comes; `raw` is every byte of it. `refuses` and `gate` make it a bad one."""

    port: int = 0
    refuses: grpc.StatusCode | None = None
    spans: list[SpanSeen] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    requests: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def Export(  # noqa: N802 - the service's name
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Take a batch."""
        self.requests += 1
        self.gate.wait(10)
        if self.refuses is not None:
            context.abort(self.refuses, "")
        self.raw += request.SerializeToString()
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [SpanSeen(span, named["service.name"]) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str) -> list[SpanSeen]:
        """Return the spans of a name, in the order in which they ended."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> SpanSeen:
        """Return the only span of a name."""
        found = self.named(name)
        assert len(found) == 1, (name, [span.name for span in self.spans])
        return found[0]

    def below(self, span: SpanSeen) -> set[str]:
        """Return the names of all spans under one, at any depth."""
        found: set[str] = set()
        ids = {span.id}
        while True:
            children = [s for s in self.spans if s.parent in ids and s.trace == span.trace]
            if not children:
                return found
            found |= {child.name for child in children}
            ids = {child.id for child in children}


@contextmanager
def otlp_receiver(credentials: grpc.ServerCredentials | None = None) -> Iterator[OtlpReceiver]:
    """Receive until the block is left."""
    server = grpc.server(ThreadPoolExecutor(4))
    receiver = OtlpReceiver()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    if credentials is None:
        receiver.port = server.add_insecure_port("127.0.0.1:0")
    else:
        receiver.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.stop(0.5).wait()
