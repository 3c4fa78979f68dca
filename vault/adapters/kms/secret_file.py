"""A token or PIN in a file, read again at each use: whoever renews it just replaces the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vault.adapters.kms.service import Refused

_MOST: Final = 8_192


def read_secret(path: Path) -> str:
    """Return a file's one line.

    Raises Refused: missing, empty, not ASCII, or open to others. Owner and group may read it, as
    in a Kubernetes volume with `defaultMode: 0440`.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o007:
                raise Refused("secret_file_open_to_others")
            text = file.read(_MOST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Refused("secret_file_unreadable") from None
    if not text or not text.isprintable():
        raise Refused("secret_file_unreadable")
    return text
