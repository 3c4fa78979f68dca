"""The command line: one file a command, no logic that the service does not have."""
