"""What both services need and that knows no card: server, guard, policy, telemetry, settings."""
