"""What keeps a channel from working: its keys, and the directory that both sides see."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from chassis.doctor.disk import file_findings
from chassis.doctor.finding import Finding, Rule, Severity
from updater.adapters.marks import load_marks
from updater.adapters.openpgp import load_cipher
from updater.channel_settings import ChannelSettings
from updater.domain.errors import ExchangeKeysUnusable, UpdaterError

KEYS: Final = Rule(
    "EXCHANGE_KEYS_UNUSABLE",
    Severity.BROKEN,
    "our OpenPGP key, the acquirer's certificate, and the MAC key",
    "4: what is stolen holds no card number: exchange files are encrypted with them",
    "cardvault-updater init makes them for development; import the acquirer's certificate",
)
DIRECTORY: Final = Rule(
    "EXCHANGE_DIRECTORY_UNUSABLE",
    Severity.BROKEN,
    "an exchange directory of each channel's own, in which the updater may write",
    "1: nothing acknowledged is lost: what is asked is written there, and answers come there",
    "make the directory for the updater's user, or mount it",
)
RULES: Final = (KEYS, DIRECTORY)
_MOST_FILES: Final = 1_000


def channel_findings(channel: ChannelSettings) -> Sequence[Finding]:
    """Return what is wrong with one channel's keys and directory."""
    found = []
    if trouble := keys_trouble(channel.exchange_keys):
        found.append(KEYS.found(f"OpenPGP keys: {trouble}"))
    if trouble := directory_trouble(channel.exchange_directory):
        found.append(DIRECTORY.found(trouble))
    return found


def marks_findings(keys: Path) -> Sequence[Finding]:
    """Return what is wrong with the MAC key, which all channels share."""
    try:
        load_marks(keys)
    except ExchangeKeysUnusable as error:
        return [KEYS.found(f"MAC keys: {error}")]
    return ()


def keys_trouble(keys: Path) -> str:
    """Return why a channel's OpenPGP keys can't be used; nothing if they can."""
    try:
        load_cipher(keys)
    except UpdaterError as error:
        return str(error)
    except OSError as error:
        return error.strerror or "can't be read"
    return ""


def directory_trouble(directory: Path) -> str:
    """Return why a directory is none to exchange files in; one that can be made is good."""
    place = directory
    while not place.exists():
        if place.is_symlink() or place == place.parent:
            return f"{directory}: leads nowhere"
        place = place.parent
    if not place.is_dir():
        return f"{directory}: not a directory"
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return f"{directory}: no right to write there"
    return ""


def exposed_findings(places: Collection[Path]) -> Sequence[Finding]:
    """Return which files of these places are open to others."""
    files = [path for place in sorted(places) for path in _files(place)]
    return file_findings([path for path in files if path.suffix != ".cert"])  # public by nature


def _files(place: Path) -> list[Path]:
    return [path for path in islice(place.rglob("*"), _MOST_FILES) if path.is_file()]
