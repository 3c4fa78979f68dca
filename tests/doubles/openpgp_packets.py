"""OpenPGP messages that our library can read and not write: encrypted to RSA, any packets inside.

Made by hand after RFC 4880, so that no test needs another OpenPGP program.
"""

import hashlib
import os
import zlib
from itertools import pairwise

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pysequoia import Cert
from pysequoia.packet import PacketPile, Tag

_BLOCK = 16
_AES256 = 9
_RSA = 1


def packet(tag: int, body: bytes) -> bytes:
    """Return a packet of the new form, its length in five bytes."""
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def compressed(packets: bytes) -> bytes:
    """Return a compressed data packet, zlib."""
    return packet(8, b"\x02" + zlib.compress(packets, 9))


def literal(content: bytes) -> bytes:
    """Return a literal data packet without name and date."""
    return packet(11, b"b\x00" + bytes(4) + content)


def encrypted(recipient: Cert, packets: bytes) -> bytes:
    """Return the packets encrypted to the RSA subkey of a certificate."""
    session_key = os.urandom(32)
    return _session_key_packet(recipient, session_key) + _protected(session_key, packets)


def _session_key_packet(recipient: Cert, session_key: bytes) -> bytes:
    (subkey,) = (
        key
        for key, binding in pairwise(PacketPile.from_bytes(bytes(recipient)))
        if key.tag == Tag.PublicSubkey
        and binding.key_flags is not None
        and binding.key_flags.transport_encryption
    )
    modulus, rest = _integer(subkey.body[6:])
    exponent, _ = _integer(rest)
    secret = bytes([_AES256]) + session_key + (sum(session_key) % 65_536).to_bytes(2, "big")
    size = (modulus.bit_length() + 7) // 8
    padding = b"\x01" * (size - len(secret) - 3)  # any bytes but zero
    padded = b"\x00\x02" + padding + b"\x00" + secret
    number = pow(int.from_bytes(padded, "big"), exponent, modulus)
    written = number.to_bytes((number.bit_length() + 7) // 8, "big")
    key_id = bytes.fromhex(subkey.key_id or "")
    bits = number.bit_length().to_bytes(2, "big")
    return packet(1, b"\x03" + key_id + bytes([_RSA]) + bits + written)


def _integer(body: bytes) -> tuple[int, bytes]:
    end = 2 + (int.from_bytes(body[:2], "big") + 7) // 8
    return int.from_bytes(body[2:end], "big"), body[end:]


def _protected(session_key: bytes, packets: bytes) -> bytes:
    """Return an integrity protected data packet, version 1: CFB, and a digest at its end."""
    start = os.urandom(_BLOCK)
    whole = start + start[-2:] + packets + b"\xd3\x14"
    whole += hashlib.sha1(whole, usedforsecurity=False).digest()
    # Block by block: the library's own CFB is on its way out.
    ecb = Cipher(algorithms.AES(session_key), modes.ECB()).encryptor()  # noqa: S305 - CFB's inside
    sealed, last = bytearray(), bytes(_BLOCK)
    for at in range(0, len(whole), _BLOCK):
        last = bytes(a ^ b for a, b in zip(whole[at : at + _BLOCK], ecb.update(last), strict=False))
        sealed += last
    return packet(18, b"\x01" + bytes(sealed))
