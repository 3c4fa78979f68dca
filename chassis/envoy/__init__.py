"""Serve guarded routes from inside Envoy, which does HTTP/2, TLS and limits (ADR 0020).

How a call comes in: `bootstrap` (Envoy's configuration, ours alone) → pyvoy (ASGI events) → `gate`
(one call) with `frames` (messages), `call` (its facts) and `statuses` (its end) → the guard.
How the process comes to be: `launch` (a command becomes Envoy) → `guest` (the service starts inside
it) → `server` (the transport) with `admin`, `secrets` and `absent`.
"""
