"""A PKCS#11 token: an AES-256 key that never leaves it, AES-GCM with the context as its AAD.

    offset  length  what
    0       12      nonce, random
    12      n + 16  ciphertext and tag

A session does one thing at a time, so one thread has it (`CallLimits.threads` is 1).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import pkcs11
from pkcs11 import exceptions as trouble

from vault.adapters.kms.address import TokenAddress
from vault.adapters.kms.secret_file import read_secret
from vault.adapters.kms.service import Damaged, Refused, Unreachable, context_bytes

_NONCE_SIZE: Final = 12
_TAG_BITS: Final = 128
_SELF_TEST: Final = b"is the token well?"

_PIN: Final = (
    *(trouble.PinIncorrect, trouble.PinInvalid, trouble.PinLenRange),
    *(trouble.PinLocked, trouble.PinExpired),
)
_DAMAGED: Final = (trouble.EncryptedDataInvalid, trouble.EncryptedDataLenRange)
_REFUSED: Final = (
    *(trouble.MultipleTokensReturned, trouble.FunctionRejected, trouble.UserPinNotInitialized),
    *(trouble.MechanismInvalid, trouble.MechanismParamInvalid),
    *(trouble.KeyTypeInconsistent, trouble.KeySizeRange),
)


class HsmKeyService:
    """`KeyService` over one key in a token. For a single thread; opens its session when needed."""

    def __init__(self, address: TokenAddress) -> None:
        self._address: Final = address
        self._session: Any = None
        self._key: Any = None
        self._refused_pin = ""

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt in the token."""
        return self._with_key(lambda key: self._seal(key, plaintext, context_bytes(context)))

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt in the token."""
        if len(ciphertext) < _NONCE_SIZE + _TAG_BITS // 8:
            raise Damaged("short")
        return self._with_key(lambda key: self._open(key, ciphertext, context_bytes(context)))

    def close(self) -> None:
        """Close the session."""
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except pkcs11.PKCS11Error:
                return  # it went before we did

    def _with_key(self, work: Callable[[Any], bytes]) -> bytes:
        """Do `work` with the key; what went wrong with the session opens a new one next time."""
        try:
            if self._key is None:
                self._log_in()
            return work(self._key)
        except Refused:
            self.close()
            raise
        except _DAMAGED as error:
            raise Damaged(type(error).__name__) from None
        except _REFUSED as error:
            self.close()
            raise Refused(type(error).__name__) from None
        except pkcs11.PKCS11Error as error:
            # Token or session gone, or a handle stale since the key was replaced: look again.
            self.close()
            raise Unreachable(type(error).__name__) from None

    def _log_in(self) -> None:
        pin = read_secret(self._address.pin_file)
        if pin == self._refused_pin:
            raise Refused("pin_refused")  # another try would bring the token nearer to locking
        try:
            library = pkcs11.lib(str(self._address.module))
            token = library.get_token(token_label=self._address.token)
            self._session = _session(token, pin)
        except _PIN as error:
            self._refused_pin = pin
            raise Refused(type(error).__name__) from None
        except pkcs11.PKCS11Error:
            raise
        except RuntimeError:  # the module can't be loaded
            raise Refused("module") from None
        self._refused_pin = ""
        self._key = self._found(self._session)

    def _found(self, session: Any) -> Any:
        """Return the one key of the configured name, if it is as it should be."""
        wanted = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.AES,
            pkcs11.Attribute.LABEL: self._address.object,
        }
        found = list(session.get_objects(wanted))  # whole: a search left open blocks the session
        if len(found) != 1:
            raise Refused("no_such_key" if not found else "several_such_keys")
        (key,) = found
        if key[pkcs11.Attribute.EXTRACTABLE] or not key[pkcs11.Attribute.SENSITIVE]:
            raise Refused("key_extractable")
        if not (key[pkcs11.Attribute.ENCRYPT] and key[pkcs11.Attribute.DECRYPT]):
            raise Refused("key_not_permitted")
        return key

    def _seal(self, key: Any, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + bytes(key.encrypt(plaintext, **_gcm(nonce, aad)))

    def _open(self, key: Any, ciphertext: bytes, aad: bytes) -> bytes:
        nonce, sealed = ciphertext[:_NONCE_SIZE], ciphertext[_NONCE_SIZE:]
        try:
            return bytes(key.decrypt(sealed, **_gcm(nonce, aad)))
        except trouble.GeneralError:
            # What SoftHSM says to a wrong tag; from other tokens it may mean anything. A token
            # that is well opens what it has sealed just now.
            own = self._seal(key, _SELF_TEST, aad)
            opened = key.decrypt(own[_NONCE_SIZE:], **_gcm(own[:_NONCE_SIZE], aad))
            if bytes(opened) != _SELF_TEST:
                raise
            raise Damaged("tag") from None


def _gcm(nonce: bytes, aad: bytes) -> dict[str, Any]:
    return {
        "mechanism": pkcs11.Mechanism.AES_GCM,
        "mechanism_param": pkcs11.GCMParams(nonce, aad, _TAG_BITS),
    }


def _session(token: Any, pin: str) -> Any:
    """Open a session that is logged in; the process may be logged in already."""
    try:
        return token.open(user_pin=pin)
    except trouble.UserAlreadyLoggedIn:
        return token.open()
