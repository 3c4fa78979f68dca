"""The command line: one file a command, no logic that a service does not have."""
