"""Finds card numbers in bytes: given ones, or whatever is one. Knows no vault and no format."""
