"""Group commit: read, decide, write. One flush at a time, for all requests in flight."""
