"""What both domains know about payment cards: numbers, brands, expiry, masking, outcomes.

A pure kernel: standard library only, no I/O but its own package data, no state.
"""
