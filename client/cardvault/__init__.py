"""Cardvault's client: generated stubs in `cardvault.vault.v1` and `cardvault.updater.v1`."""
