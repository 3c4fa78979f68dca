"""Traces by OpenTelemetry: who is sampled, what a span may say, how spans leave (ADR 0019).

Imported only where the settings name a receiver; `chassis.spans` is what all other parts know.
"""
