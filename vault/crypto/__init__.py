"""Sealing, fingerprints and request MACs over data keys that are already unwrapped: no I/O."""
