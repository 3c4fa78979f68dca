"""Name what the simulator refuses. No text here is built from a file's content."""

from enum import StrEnum


class SimulatorError(Exception):
    """Refuse to start or to go on. Its text is safe to print."""


class RejectReason(StrEnum):
    """Say why a whole request file was turned away."""

    UNREADABLE = "UNREADABLE"  # not OpenPGP, damaged, or not encrypted to the acquirer
    NOT_ENCRYPTED = "NOT_ENCRYPTED"  # OpenPGP, but open to whoever reads it
    BAD_SIGNATURE = "BAD_SIGNATURE"  # readable, but not signed by the updater
    TOO_LARGE = "TOO_LARGE"
    BAD_STRUCTURE = "BAD_STRUCTURE"  # record order, field counts, field widths, alphabet
    WRONG_CLASSIFICATION = "WRONG_CLASSIFICATION"
    COUNT_MISMATCH = "COUNT_MISMATCH"
    NAME_MISMATCH = "NAME_MISMATCH"  # the header names another merchant or batch than the file name
    DUPLICATE_BATCH_ID = "DUPLICATE_BATCH_ID"


class RequestRejected(Exception):
    """Turn a whole request file away, with the line (1-based; 0: none) where it went wrong."""

    def __init__(self, reason: RejectReason, line: int = 0) -> None:
        super().__init__(f"{reason} at line {line}" if line else str(reason))
        self.reason = reason
        self.line = line
