"""OpenPGP between us and the acquirer (`Cipher`), and the key files it needs.

Going out: encrypted to the acquirer's certificate, signed by ours. Coming in: encrypted to ours,
and a valid signature of the acquirer is required. Each side has its own key pair.
"""

import asyncio
import base64
import binascii
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pysequoia import Cert, Tsk, encrypt
from pysequoia.packet import PacketPile

from chassis.files import write_private, write_public
from updater.adapters.unsealing import TooMuch, unseal
from updater.adapters.unsealing_process import COMPRESSED, OPENED, SIGNED, packed
from updater.domain.errors import ExchangeKeysUnusable
from updater.usecases.ports_exchange import NotOpened, SealFault

UPDATER_KEY: Final = "updater.tsk"
UPDATER_CERT: Final = "updater.cert"
ACQUIRER_KEY: Final = "acquirer.tsk"
ACQUIRER_CERT: Final = "acquirer.cert"

_ARMOUR: Final = b"-----BEGIN PGP MESSAGE-----"
_HEAD: Final = 4096  # where the session keys are, of any reasonable number of recipients
_ENCRYPTED_TAGS: Final = frozenset({1, 3})  # a session key, for a key or a password (RFC 9580, 5)


class OpenPgp:
    """Seals and opens with key pairs that were read once. Holds secrets; never printed."""

    __slots__ = ("_acquirer", "_key_ids", "_keys", "_ours", "_secret")

    def __init__(self, secret: Tsk, acquirer: Cert) -> None:
        self._secret: Final = secret
        self._ours: Final = secret.extract_certificate()
        self._acquirer: Final = acquirer
        self._key_ids: Final = _key_ids(self._ours)
        self._keys: Final = packed(bytes(secret), bytes(acquirer))

    def is_sealed(self, data: bytes) -> bool:
        """Tell whether bytes begin like an encrypted message; nothing is opened.

        A message that is only signed begins otherwise: its text is there for all to read.
        """
        return _first_tag(data) in _ENCRYPTED_TAGS

    async def seal(self, plain: bytes) -> bytes:
        """Encrypt to the acquirer and sign."""
        return await asyncio.to_thread(self._encrypt, plain, self._acquirer)

    async def seal_for_ourselves(self, found: bytes) -> bytes:
        """Encrypt to ourselves what arrived in plain text."""
        return await asyncio.to_thread(self._encrypt, found, self._ours)

    async def open(self, sealed: bytes, *, limit: int) -> bytes:
        """Decrypt at most `limit` bytes and check the acquirer's signature. Raises NotOpened.

        In a process of its own: see `unsealing.py`, also for the OSError that it raises.
        """
        return await asyncio.to_thread(self._open, sealed, limit)

    def _encrypt(self, plain: bytes, recipient: Cert) -> bytes:
        return encrypt(plain, recipients=[recipient], signer=self._secret.signer(), armor=False)

    def _open(self, sealed: bytes, limit: int) -> bytes:
        if not self.is_sealed(sealed):
            raise NotOpened(SealFault.NOT_ENCRYPTED)
        try:
            status, plain = unseal(sealed, self._keys, mode=SIGNED, limit=limit)
            if status == OPENED:
                return plain
            # Why not? It opens without asking who signed it: the signature. It doesn't, and the
            # same message's beginning names no key of ours: the key. Else the bytes are not what
            # was sent.
            if unseal(sealed, self._keys, mode="", limit=limit)[0] == OPENED:
                compressed = status == COMPRESSED
                raise NotOpened(SealFault.COMPRESSED if compressed else SealFault.BAD_SIGNATURE)
        except TooMuch:
            raise NotOpened(SealFault.TOO_LARGE) from None
        ours = self._names_our_key(sealed)
        raise NotOpened(SealFault.CIPHERTEXT_DAMAGED if ours else SealFault.WRONG_KEY)

    def _names_our_key(self, sealed: bytes) -> bool:
        """Tell whether the session key is encrypted to us: then a failure is not about the key."""
        head = _binary(sealed[:_HEAD])
        return any(key_id in head for key_id in self._key_ids)


def make_exchange_keys(directory: Path, simulator_directory: Path | None = None) -> bool:
    """Make what is missing for an exchange with the simulator; for development only.

    Our key pair, 0600, goes to `directory`; the acquirer's to `simulator_directory`, and each
    side gets the other's certificate. Existing keys are kept: files out there need them. Returns
    whether anything was made.
    """
    other_directory = simulator_directory or directory.with_name("simulator-keys")
    ours, made = _key_pair(directory, UPDATER_KEY, UPDATER_CERT, "Cardvault updater")
    theirs, made_too = _key_pair(other_directory, ACQUIRER_KEY, ACQUIRER_CERT, "Acquirer simulator")
    exchanged = [
        (directory / ACQUIRER_CERT, bytes(theirs.extract_certificate())),
        (other_directory / UPDATER_CERT, bytes(ours.extract_certificate())),
    ]
    for path, content in exchanged:
        if not path.exists():
            write_public(path, content)
            made = True
    return made or made_too


def load_cipher(directory: Path) -> OpenPgp:
    """Read our key and the acquirer's certificate. Raises ExchangeKeysUnusable."""
    try:
        if stat.S_IMODE((directory / UPDATER_KEY).stat().st_mode) & 0o077:
            raise ExchangeKeysUnusable("the exchange key is open to others: make it 0600")
        secret = Tsk.from_bytes((directory / UPDATER_KEY).read_bytes())
        acquirer = Cert.from_bytes((directory / ACQUIRER_CERT).read_bytes())
    except OSError:
        raise ExchangeKeysUnusable("an exchange key file can't be read") from None
    except RuntimeError:
        raise ExchangeKeysUnusable("an exchange key file is no OpenPGP key") from None
    if acquirer.fingerprint == secret.extract_certificate().fingerprint:
        raise ExchangeKeysUnusable("each side of the exchange needs a key pair of its own")
    return OpenPgp(secret, acquirer)


def _key_pair(directory: Path, key: str, certificate: str, name: str) -> tuple[Tsk, bool]:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / key
    if path.exists():
        return Tsk.from_bytes(path.read_bytes()), False
    made = Tsk.generate(name)
    write_private(path, bytes(made))
    write_public(directory / certificate, bytes(made.extract_certificate()))
    return made, True


def _key_ids(certificate: Cert) -> Sequence[bytes]:
    """Return the ids of a certificate's keys: every way to name a recipient contains one."""
    packets = PacketPile.from_bytes(bytes(certificate))
    return [bytes.fromhex(each.key_id) for each in packets if each.key_id is not None]


def _first_tag(data: bytes) -> int | None:
    first = _binary(data[:_HEAD])[:1]
    if not first or not first[0] & 0x80:
        return None
    return first[0] & 0x3F if first[0] & 0x40 else (first[0] >> 2) & 0x0F


def _binary(head: bytes) -> bytes:
    """Return the beginning of a message without its armour, if it has one."""
    if not head.lstrip().startswith(_ARMOUR):
        return head
    lines = head.lstrip().replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    body = lines.replace(b"\n", b"").partition(b"=")[0]
    try:
        return base64.b64decode(body[: len(body) // 4 * 4])
    except binascii.Error:
        return b""
