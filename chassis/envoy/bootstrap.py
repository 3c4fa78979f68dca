"""Envoy's whole configuration, ours alone: one listener, mTLS, HTTP/2, limits, one application.

No HTTP/3, no HTTP/1, no upstream, no access log. Identity is what Envoy itself writes of the
verified certificate; a header of that name from outside is dropped. Fields: envoyproxy.io, v3 API.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pyvoy._server import _pyvoy_module_path

from chassis.address import split_address
from chassis.transport import GrpcLimits, GrpcOptions

ADMIN: Final = "admin.sock"
SERVER: Final = "server"
CLIENTS: Final = "clients"
"""The two secrets that Envoy is told of, each in a file of this name: who we are, whom we trust."""
LISTENER: Final = "api"
_TYPE: Final = "type.googleapis.com/envoy.extensions."
_MOST_CONNECTIONS: Final = 4096
_HANDSHAKE_WITHIN: Final = timedelta(seconds=10)
_HEADERS_WITHIN: Final = timedelta(seconds=10)
_REQUEST_WITHIN: Final = timedelta(seconds=60)  # to send one whole: they are 4 MiB at most
_FLUSH_WITHIN: Final = timedelta(seconds=60)  # to read the rest of an answered call
_SPARE_TIME: Final = timedelta(seconds=30)
_IDLE: Final = timedelta(minutes=30)  # no call may take as long
_LAST_CALLS: Final = timedelta(seconds=1)  # between "no more calls" and the last that crossed it
_MOST_HEADERS_KIB: Final = 60
_SPARE: Final = 64 << 10
DRAIN_S: Final = 1
"""How long callers are told to go before no new connection is taken."""


@dataclass(frozen=True, slots=True)
class Place:
    """Say which application Envoy holds, and the private directory that the two share."""

    app: str  # module:attribute
    directory: Path


def bootstrap(place: Place, options: GrpcOptions) -> dict[str, Any]:
    """Return the configuration, as JSON takes it. There is no secret in it: only paths."""
    return {
        "node": {"id": LISTENER, "cluster": LISTENER},
        "admin": {"address": {"pipe": {"path": str(place.directory / ADMIN), "mode": 0o600}}},
        "overload_manager": {
            "resource_monitors": [
                _typed(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=_MOST_CONNECTIONS,
                )
            ]
        },
        "static_resources": {"listeners": [_listener(place, options)]},
    }


def _listener(place: Place, options: GrpcOptions) -> dict[str, Any]:
    host, port = split_address(options.listen)
    return {
        "name": LISTENER,
        "address": {"socket_address": {"address": host, "port_value": port}},
        "enable_reuse_port": options.reuse_port,
        # A request waits here until the application takes it: one of the largest must fit.
        "per_connection_buffer_limit_bytes": options.limits.message_bytes + _SPARE,
        "filter_chains": [
            {
                "filters": [_connections(place, options)],
                "transport_socket": _tls(place.directory),
                "transport_socket_connect_timeout": _seconds(_HANDSHAKE_WITHIN),
            }
        ],
    }


def _connections(place: Place, options: GrpcOptions) -> dict[str, Any]:
    limits = options.limits
    return _typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=LISTENER,
        codec_type="HTTP2",
        http2_protocol_options=_http2(limits),
        common_http_protocol_options={
            "max_connection_duration": _seconds(limits.connection_age),
            "max_connection_duration_jitter": {"value": 10.0},
            # Longer than any call may take: what is never sent or read to its end is cut off.
            "max_stream_duration": _seconds(limits.connection_age_grace + _SPARE_TIME),
            "max_headers_count": 100,
        },
        # The gate refuses what is over our limit, with a status; Envoy could only cut it off.
        max_request_headers_kb=_MOST_HEADERS_KIB,
        drain_timeout=_seconds(_LAST_CALLS),
        request_headers_timeout=_seconds(_HEADERS_WITHIN),
        # Reflection's request is never complete, and only development has it.
        request_timeout=_seconds(timedelta(0) if options.reflection else _REQUEST_WITHIN),
        stream_idle_timeout=_seconds(_IDLE),
        stream_flush_timeout=_seconds(_FLUSH_WITHIN),
        server_header_transformation="PASS_THROUGH",
        forward_client_cert_details="SANITIZE_SET",
        set_current_client_cert_details={"uri": True},
        use_remote_address=True,
        skip_xff_append=True,
        generate_request_id=False,
        local_reply_config=_refusals(),
        route_config={"virtual_hosts": [{"name": LISTENER, "domains": ["*"]}]},
        http_filters=[_paths(), _application(place)],
    )


def _http2(limits: GrpcLimits) -> dict[str, Any]:
    return {
        "max_concurrent_streams": limits.streams,
        "initial_stream_window_size": 256 << 10,
        "initial_connection_window_size": 1 << 20,
        "override_stream_error_on_invalid_http_message": True,
        "connection_keepalive": {
            "interval": _seconds(limits.keepalive),
            "timeout": _seconds(limits.keepalive_timeout),
        },
    }


def _refusals() -> dict[str, Any]:
    """Give Envoy's own refusals the statuses that gRPC has for them; it would say UNKNOWN."""

    def told(status: int, grpc: int) -> dict[str, Any]:
        equal = {"op": "EQ", "value": {"default_value": status, "runtime_key": "none"}}
        return {
            "filter": {"status_code_filter": {"comparison": equal}},
            "headers_to_add": [
                {
                    "header": {"key": "grpc-status", "value": str(grpc)},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        }

    # Too long a request or header: RESOURCE_EXHAUSTED. Too slow: DEADLINE_EXCEEDED.
    # A path that nothing could be under: UNIMPLEMENTED.
    return {"mappers": [told(413, 8), told(431, 8), told(408, 4), told(403, 12)]}


def _paths() -> dict[str, Any]:
    """Let only plain paths in: pyvoy decodes percent signs, and hangs on what is no UTF-8 then."""
    plain = {"safe_regex": {"regex": "/[A-Za-z0-9_./-]*"}}
    return _typed(
        "envoy.filters.http.rbac",
        "filters.http.rbac.v3.RBAC",
        rules={
            "action": "ALLOW",
            "policies": {
                "plain": {
                    "permissions": [{"header": {"name": ":path", "string_match": plain}}],
                    "principals": [{"any": True}],
                }
            },
        },
    )


def _application(place: Place) -> dict[str, Any]:
    config = f'{{"app": "{place.app}", "interface": "asgi", "lifespan": true}}'
    return _typed(
        "pyvoy",
        "filters.http.dynamic_modules.v3.DynamicModuleFilter",
        dynamic_module_config={"module": {"local": {"filename": _pyvoy_module_path()}}},
        filter_name="pyvoy",
        terminal_filter=True,
        filter_config={
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": config,
        },
    )


def _tls(directory: Path) -> dict[str, Any]:
    def secret(name: str) -> dict[str, Any]:
        source = {"path": str(directory / f"{name}.json")}
        return {
            "name": name,
            "sds_config": {"path_config_source": source, "resource_api_version": "V3"},
        }

    return _typed(
        "envoy.transport_sockets.tls",
        "transport_sockets.tls.v3.DownstreamTlsContext",
        require_client_certificate=True,
        # A resumed session is taken without a look at the certificate, even when that has expired.
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
        common_tls_context={
            "alpn_protocols": ["h2"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [secret(SERVER)],
            "validation_context_sds_secret_config": secret(CLIENTS),
        },
    )


def _typed(name: str, kind: str, **fields: object) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": _TYPE + kind, **fields}}


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.3f}s"
