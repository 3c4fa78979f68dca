"""Name every metric of the chassis in one place: the conventions they follow still move.

RPC names follow OpenTelemetry's RPC conventions (release candidate) in Prometheus spelling.
"""

from typing import Final

RPC_DURATION: Final = "rpc_server_call_duration_seconds"
RPC_METHOD: Final = "rpc_method"
RPC_STATUS: Final = "rpc_response_status_code"
RPC_IN_FLIGHT: Final = "rpc_server_in_flight"
RPC_SHED: Final = "rpc_server_shed_total"
RPC_OTHER: Final = "_OTHER"
"""The method label of calls to methods that don't exist, so that callers can't make labels."""

RPC_BUCKETS: Final = (
    *(0.0005, 0.001, 0.0025),  # ours: a vault that needs 5 ms is slow
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)

LOOP_LAG: Final = "cardvault_event_loop_lag_seconds"
LOG_DROPPED: Final = "cardvault_log_fields_dropped_total"
LOG_REDACTED: Final = "cardvault_log_redactions_total"
TRACE_EXPORTED: Final = "cardvault_trace_spans_exported_total"
TRACE_DROPPED: Final = "cardvault_trace_spans_dropped_total"
TRACE_REDACTED: Final = "cardvault_trace_redactions_total"
TRACE_REASON: Final = "reason"
POLICY_FAILURES: Final = "cardvault_policy_reload_failures_total"
POLICY_PRINCIPALS: Final = "cardvault_policy_principals"
CERTIFICATE_FAILURES: Final = "cardvault_certificate_reload_failures_total"
CERTIFICATE_EXPIRY: Final = "cardvault_certificate_expiry_timestamp_seconds"

WORKERS: Final = "cardvault_workers"
WORKERS_READY: Final = "cardvault_workers_ready"
WORKER_STARTS: Final = "cardvault_worker_starts_total"
WORKER_DEATHS: Final = "cardvault_worker_deaths_total"
WORKER_SILENT: Final = "cardvault_worker_unanswered_total"
WORKER_LABEL: Final = "worker"
"""Which worker of a supervisor a number is from: its place, kept when its process is replaced."""
