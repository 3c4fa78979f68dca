"""The store in memory: for tests, examples and `memory:` URLs; the same contract, no durability."""
