"""What `CARDVAULT_KMS_KEY` may say, parsed once; errors name the rule, never the value.

local:PATH                                         a key file, for development only
aws-kms:ARN                                        a key's ARN, never an alias
vault-transit:https://HOST[:PORT]/MOUNT/KEY        Vault or OpenBao
pkcs11:token=T;object=K?module-path=P&pin-source=file:F      RFC 7512, these four only

Plain values: nothing here opens a file or a connection.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_ARN: Final = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b):kms:"
    r"(?P<region>[a-z]{2}(-[a-z]+)+-\d{1,2}):\d{12}:key/(?P<key>(mrk-)?[0-9A-Za-z-]{1,64})"
)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*){2,8}")


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """What the settings say of the key service; see vault/config.py."""

    key: str
    endpoint: str | None = None
    token_file: Path = Path("/run/secrets/vault-token")
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A key file."""

    path: Path


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """An AWS KMS key, named by its ARN: an alias could be pointed at another key."""

    arn: str
    region: str

    @property
    def kek(self) -> str:
        """Name the key; replicas of a multi-region key are one key, whose region is a star."""
        if "key/mrk-" in self.arn:
            return "aws-kms:" + self.arn.replace(f":{self.region}:", ":*:")
        return "aws-kms:" + self.arn


@dataclass(frozen=True, slots=True)
class TransitAddress:
    """A key of a transit engine. `mount` may begin with a namespace."""

    base: str
    mount: str
    key: str

    @property
    def kek(self) -> str:
        """Name the key without its host: moving the server must not strand what it wrapped."""
        return f"vault-transit:{self.mount}/{self.key}"


@dataclass(frozen=True, slots=True)
class TokenAddress:
    """An AES key in a PKCS#11 token."""

    token: str
    object: str
    module: Path
    pin_file: Path

    @property
    def kek(self) -> str:
        """Name the key without the module: another driver for the same token is the same key."""
        return f"pkcs11:token={self.token};object={self.object}"


Address = LocalAddress | AwsAddress | TransitAddress | TokenAddress


def parse_address(text: str) -> Address:
    """Parse a key's address. Raises ValueError, whose text is a rule."""
    kind, _, rest = text.partition(":")
    if not rest:
        raise ValueError("a key is local:, aws-kms:, vault-transit: or pkcs11:, and what follows")
    if kind == "local":
        return LocalAddress(Path(rest))
    if kind == "aws-kms":
        return _aws(rest)
    if kind == "vault-transit":
        return _transit(rest)
    if kind == "pkcs11":
        return _token(rest)
    raise ValueError("a key is local:, aws-kms:, vault-transit: or pkcs11:")


def check_endpoint(text: str) -> SplitResult:
    """Return the parts of a server's URL. Raises ValueError: not HTTPS, nor HTTP to loopback.

    Data keys travel over it in the clear, so plain HTTP may reach this machine only, where an
    agent or a test server listens.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL holds no user name or password here")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("a URL is scheme, host, port and path")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
        raise ValueError("https, or http to this machine only")
    return parts


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _aws(text: str) -> AwsAddress:
    found = _ARN.fullmatch(text)
    if found is None:
        raise ValueError("aws-kms: is followed by a key's ARN; an alias won't do")
    return AwsAddress(text, found["region"])


def _transit(text: str) -> TransitAddress:
    parts = check_endpoint(text)
    if not _PATH.fullmatch(parts.path):
        raise ValueError("vault-transit: is followed by https://host/mount/key")
    mount, _, key = parts.path.strip("/").rpartition("/")
    return TransitAddress(f"{parts.scheme}://{parts.netloc}", mount, key)


def _token(text: str) -> TokenAddress:
    path, _, query = text.partition("?")
    fields = _attributes(path.split(";")) | _attributes(query.split("&"))
    if set(fields) != {"token", "object", "module-path", "pin-source"}:
        raise ValueError("pkcs11: takes token and object, then module-path and pin-source")
    pin, module = fields["pin-source"].removeprefix("file:"), fields["module-path"]
    if not pin.startswith("/") or not module.startswith("/"):
        raise ValueError("pin-source is file:/absolute/path, module-path /absolute/path")
    return TokenAddress(fields["token"], fields["object"], Path(module), Path(pin))


def _attributes(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not value or name in found:
            raise ValueError("a PKCS#11 URI is name=value;name=value?name=value&name=value")
        try:
            found[name] = unquote(value, errors="strict")
        except UnicodeDecodeError:  # it carries the value
            raise ValueError("a PKCS#11 URI's percent-encoded bytes are UTF-8") from None
    return found
