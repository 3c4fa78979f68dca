"""The process that opens one sealed message, and ends. `unsealing.py` runs this file by its path.

A process of its own, because the library can't be told to stop: a message of kilobytes may hold
gigabytes. Here the plain text goes into a pipe as it comes, and whoever reads it stops when it is
too much; and no thread of the updater waits meanwhile, as the library keeps the interpreter's lock.
It imports nothing of ours: it has no path to it.
"""

import contextlib
import ctypes
import os
import resource
import sys
from typing import Final

from pysequoia import Cert, Tsk, decrypt_file

SIGNED: Final = "signed"
"""The mode in which the acquirer's signature is needed; in any other one nobody asks for it."""

OPENED: Final = 0
REFUSED: Final = 10
COMPRESSED: Final = 11

_LENGTH: Final = 4  # bytes that say how long our key is, which stands before the certificate
_CPU_S: Final = 120  # some ten times what the largest file takes
_PR_SET_DUMPABLE: Final = 4
_MEMORY: Final = 1 << 30  # address space; it keeps 25 MiB of the text, and has the message mapped
# How the verifier tells of a layer between the encryption and the signature (verify.rs).
_ANOTHER_LAYER: Final = "Unexpected message structure"


def packed(secret: bytes, acquirer: bytes) -> bytes:
    """Return our key and the acquirer's certificate as this process reads them."""
    return len(secret).to_bytes(_LENGTH, "big") + secret + acquirer


def decrypted(keys: bytes, mode: str, sealed: str, plain: str) -> int:
    """Decrypt the message at a path to another path; return the status to end with.

    What was written is to be thrown away unless that is OPENED: of a long message the beginning
    is out before its signature is looked at.
    """
    end = _LENGTH + int.from_bytes(keys[:_LENGTH], "big")
    acquirer = Cert.from_bytes(keys[end:])
    decryptor = Tsk.from_bytes(keys[_LENGTH:end]).decryptor()
    try:
        if mode != SIGNED:
            decrypt_file(sealed, plain, decryptor)
            return OPENED
        found = decrypt_file(sealed, plain, decryptor, lambda _ids: [acquirer])
    except (RuntimeError, OSError) as error:  # OSError: of what is longer than its buffer
        return COMPRESSED if _ANOTHER_LAYER in str(error) else REFUSED
    ours = any(each.certificate == acquirer.fingerprint for each in found.valid_sigs)
    return OPENED if ours else REFUSED


def _forbid_core_dumps() -> None:
    """Leave no core, which would be plain text on disk, and refuse whoever wants to look in.

    As `chassis.runtime` does, which can't be imported here. The two limits below end this process
    by signals that dump core, so whoever sends a file can have that done; and a kernel that hands
    cores to a program asks the flag alone, not the limit.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> int:
    """Open what is on standard input to standard output, with the keys at the descriptor given."""
    _forbid_core_dumps()
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with os.fdopen(int(sys.argv[1]), "rb") as keys:
        return decrypted(keys.read(), sys.argv[2], "/proc/self/fd/0", "/proc/self/fd/1")


if __name__ == "__main__":
    sys.exit(main())
