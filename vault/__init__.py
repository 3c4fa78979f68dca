"""The vault: turns card numbers into tokens and back, and writes down who did."""
