"""One decision per intent: pure functions from what was read to what will be written."""
