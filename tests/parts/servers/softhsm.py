"""SoftHSM 2: a PKCS#11 token in a directory, the key in it made as an HSM's owner would make it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11.exceptions import UserAlreadyLoggedIn

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
TOKEN = "vault"
PIN = "735-the-pin-of-tests"


@dataclass
class SoftHsm:
    """A token; `pin_file` holds its PIN, mode 0600."""

    pin_file: Path

    def uri(self, label: str, pin_file: Path | None = None, token: str = TOKEN) -> str:
        """Return the address of a key, as the setting takes it."""
        pin = pin_file or self.pin_file
        return f"pkcs11:token={token};object={label}?module-path={MODULE}&pin-source=file:{pin}"

    def make_key(self, label: str, *, extractable: bool = False) -> None:
        """Make an AES-256 key that can't be read, unless told otherwise."""
        with self._session() as session:
            session.generate_key(
                pkcs11.KeyType.AES,
                256,
                label=label,
                store=True,
                template={
                    pkcs11.Attribute.SENSITIVE: not extractable,
                    pkcs11.Attribute.EXTRACTABLE: extractable,
                },
            )

    def forbid(self, label: str, forbidden: bool) -> None:
        """Take away, or give back, the right to use a key."""
        with self._session() as session:
            key = session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
            for right in (pkcs11.Attribute.ENCRYPT, pkcs11.Attribute.DECRYPT):
                key[right] = not forbidden

    def destroy(self, label: str) -> None:
        """Destroy a key, for good."""
        with self._session() as session:
            session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label).destroy()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        token = pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN)
        try:
            session = token.open(rw=True, user_pin=PIN)
        except UserAlreadyLoggedIn:
            session = token.open(rw=True)
        with session:
            yield session


@contextmanager
def softhsm(directory: Path) -> Iterator[SoftHsm]:
    """Make an empty token for this process; there is no daemon."""
    tokens, settings = directory / "tokens", directory / "softhsm2.conf"
    tokens.mkdir()
    settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    pin_file = directory / "pin"
    pin_file.write_text(PIN + "\n")
    pin_file.chmod(0o600)
    command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))  # the module reads it when it is loaded
        subprocess.run(
            [*command, "--pin", PIN, "--so-pin", "so-pin-of-tests"], check=True, capture_output=True
        )
        yield SoftHsm(pin_file)
        pkcs11.unload(str(MODULE))
