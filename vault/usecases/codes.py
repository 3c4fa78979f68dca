"""Security codes: sealed with a key of their own, kept for minutes, taken once, never on disk."""

from __future__ import annotations

from dataclasses import dataclass

from vault.crypto.blob import CannotOpen, Place
from vault.domain.card import Card, CardKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Keyring, SecurityCodes

DEFAULT_TTL_S = 15 * 60


@dataclass(frozen=True, slots=True)
class CodeVault:
    """Seal codes for their card and take them back, once."""

    codes: SecurityCodes
    keyring: Keyring

    async def put(self, card: Card, code: str, ttl_s: float = DEFAULT_TTL_S) -> None:
        """Keep a code. Raises VaultError(SECURITY_CODE_UNAVAILABLE)."""
        keys = await self.keyring.warm(card.tenant)
        place = _place(card.key, card.credential_version)
        sealed = keys.security_code.seal(code.encode(), place)
        await self.codes.put(card.key, sealed, ttl_s)

    async def exists(self, key: CardKey) -> bool:
        """Tell whether a code waits; asked before a number is revealed with it."""
        return await self.codes.exists(key)

    async def take(self, key: CardKey, credential_version: int, repeat: str) -> str:
        """Take the code. Raises VaultError(SECURITY_CODE_GONE) when another was faster.

        A code opens for the credential version it was put for: after an update there is another
        card behind the token, with another code.
        """
        sealed = await self.codes.take(key, repeat)
        if sealed is None:
            raise VaultError(Reason.SECURITY_CODE_GONE, "include_security_code")
        keys = await self.keyring.warm(key.tenant)
        try:
            return keys.security_code.open(sealed, _place(key, credential_version)).decode()
        except CannotOpen:
            raise VaultError(Reason.SECURITY_CODE_GONE, "include_security_code") from None


def _place(key: CardKey, credential_version: int) -> Place:
    return Place("security_code", key.tenant, key.token, "", "", credential_version)
