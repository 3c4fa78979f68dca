"""A PKCS#11 library in memory, in the shape of python-pkcs11's: one token, its keys, its moods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pkcs11
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pkcs11 import exceptions as trouble


class TokenKey:
    """An AES key with its attributes."""

    def __init__(self, token: MemoryToken, secret: bytes, **attributes: bool) -> None:
        self._token = token
        self._aead = AESGCM(secret)
        rights = {"SENSITIVE": True, "EXTRACTABLE": False, "ENCRYPT": True, "DECRYPT": True}
        self._attributes = rights | attributes

    def __getitem__(self, attribute: pkcs11.Attribute) -> bool:
        return self._attributes[attribute.name]

    def encrypt(self, data: bytes, *, mechanism: Any, mechanism_param: Any) -> bytes:
        self._token.called()
        return self._aead.encrypt(mechanism_param.nonce, data, mechanism_param.aad)

    def decrypt(self, data: bytes, *, mechanism: Any, mechanism_param: Any) -> bytes:
        self._token.called()
        if self._token.ill:
            raise trouble.GeneralError
        try:
            return self._aead.decrypt(mechanism_param.nonce, data, mechanism_param.aad)
        except InvalidTag:
            raise self._token.wrong_tag from None


class MemoryToken:
    """Library, token and session in one."""

    def __init__(self, pin: str) -> None:
        self.pin = pin
        self.keys: list[TokenKey] = [TokenKey(self, bytes(32))]
        self.fails: list[pkcs11.PKCS11Error] = []
        self.ill = False
        self.logged_in = False
        self.logins: list[str] = []
        self.closes_badly = False
        self.wrong_tag: pkcs11.PKCS11Error = trouble.GeneralError()

    def get_token(self, token_label: str) -> MemoryToken:
        if token_label != "vault":
            raise trouble.NoSuchToken
        return self

    def open(self, user_pin: str | None = None) -> MemoryToken:
        if user_pin is not None:
            if self.logged_in:
                raise trouble.UserAlreadyLoggedIn
            self.logins.append(user_pin)
            if user_pin != self.pin:
                raise trouble.PinIncorrect
        return self

    def get_objects(self, wanted: dict[pkcs11.Attribute, Any]) -> Iterator[TokenKey]:
        return iter(self.keys if wanted[pkcs11.Attribute.LABEL] == "kek" else [])

    def close(self) -> None:
        if self.closes_badly:
            raise trouble.SessionHandleInvalid

    def called(self) -> None:
        if self.fails:
            raise self.fails.pop(0)
