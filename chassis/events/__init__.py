"""Events from a transactional outbox to their sink: what both services share. Knows no card."""
