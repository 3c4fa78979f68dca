"""Codecs: bytes to records and back, declared as data, with no business rule in them.

A codec never checks a Luhn digit, a brand or a tenant; it yields what the bytes say, or refuses
the whole file with a reason and a byte offset. It never quotes what it read: a field may hold a
card number.
"""
