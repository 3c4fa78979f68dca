"""Open and seal OpenPGP messages, in memory only: no plaintext ever touches a disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pysequoia import Cert, Decrypted, Tsk, decrypt, encrypt
from pysequoia.packet import PacketPile, Tag

from updater.simulator.errors import RejectReason, RequestRejected, SimulatorError

Key = TypeVar("Key")

UPDATER_CERT: Final = "updater.cert"
ACQUIRER_CERT: Final = "acquirer.cert"
ACQUIRER_KEY: Final = "acquirer.tsk"


@dataclass(frozen=True, slots=True)
class Seal:
    """Name the recipient and the signer of what is sent; a fault may swap either."""

    recipient: Cert
    signer: Tsk

    def close(self, plaintext: bytes) -> bytes:
        """Sign, encrypt, and return the binary message."""
        return encrypt(plaintext, [self.recipient], signer=self.signer.signer(), armor=False)


@dataclass(frozen=True, slots=True)
class AcquirerKeys:
    """Hold the acquirer's key and the updater's certificate."""

    updater: Cert
    acquirer: Tsk

    @property
    def seal(self) -> Seal:
        """Return the seal of an honest response: to the updater, from the acquirer."""
        return Seal(self.updater, self.acquirer)

    def open(self, ciphertext: bytes) -> bytes:
        """Return the plaintext of a message to the acquirer, signed by the updater.

        Raises RequestRejected: NOT_ENCRYPTED, UNREADABLE or BAD_SIGNATURE.
        """
        # The library's `decrypt` lets a message pass that is signed and not encrypted.
        tags = _packet_tags(ciphertext)
        if tags and not _is_encrypted(tags):
            raise RequestRejected(RejectReason.NOT_ENCRYPTED)
        opened = self._decrypted(ciphertext, lambda _: [self.updater])
        signers = {signature.certificate for signature in opened.valid_sigs} if opened else set()
        if opened is None or opened.bytes is None or signers != {self.updater.fingerprint}:
            readable = self._decrypted(ciphertext, None) is not None
            raise RequestRejected(
                RejectReason.BAD_SIGNATURE if readable else RejectReason.UNREADABLE
            )
        return opened.bytes

    def _decrypted(
        self, ciphertext: bytes, store: Callable[[list[str]], list[Cert]] | None
    ) -> Decrypted | None:
        try:
            return decrypt(ciphertext, self.acquirer.decryptor(), store=store)
        except RuntimeError:  # all the library raises; its text holds a stack trace
            return None


def _packet_tags(message: bytes) -> list[Tag]:
    """Return the outermost packets' tags; none if this is not OpenPGP."""
    try:
        return [packet.tag for packet in PacketPile.from_bytes(message)]
    except RuntimeError:
        return []


def _is_encrypted(tags: list[Tag]) -> bool:
    """Tell whether these are session keys for recipients, then one integrity-protected packet."""
    return tags[-1] == Tag.SEIP and all(tag == Tag.PKESK for tag in tags[:-1])


def load_keys(exchange_keys: Path, simulator_keys: Path) -> AcquirerKeys:
    """Load the keys that `cardvault-updater` made. Raises SimulatorError naming the file."""
    updater = _load(exchange_keys / UPDATER_CERT, Cert.from_bytes)
    acquirer = _load(simulator_keys / ACQUIRER_KEY, Tsk.from_bytes)
    published = _load(exchange_keys / ACQUIRER_CERT, Cert.from_bytes)
    if published.fingerprint != acquirer.extract_certificate().fingerprint:
        raise SimulatorError(f"{ACQUIRER_CERT} is not the certificate of {ACQUIRER_KEY}")
    return AcquirerKeys(updater, acquirer)


def _load(path: Path, parse: Callable[[bytes], Key]) -> Key:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise SimulatorError(f"can't read {path.name}: {error.strerror}") from None
    except RuntimeError:
        raise SimulatorError(f"{path.name} is not an OpenPGP key of the right kind") from None
