"""Compile the policy file: which certificate may do what (api.md, "Policy file").

Deny by default: an unknown key, permission, role, status or tenant name is refused at load with
its path, never ignored. Compiled once to a dictionary, so that a call costs one lookup.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chassis.identity import DEFAULT_STATUSES, Identity
from chassis.strict_yaml import NotYaml, load_yaml

MAX_POLICY_BYTES: Final = 1 << 20
MAX_PRINCIPALS: Final = 10_000
MAX_ROLES: Final = 1_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DIGITS: Final = re.compile(r"[0-9](_*[0-9]){5}")
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SAN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[\x21-\x7e]{1,2000}")


class PolicyInvalid(Exception):
    """The policy can't be used. Its text names the path and the rule, never a value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"policy: {path}: {problem}" if path else f"policy: {problem}")
        self.path: Final = path


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Hold the names a service knows; a policy that uses others is refused."""

    permissions: frozenset[str]
    statuses: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Role:
    permissions: frozenset[str]
    purposes: Mapping[str, frozenset[str]]  # purpose → the statuses it may see


class Policy:
    """Map certificates to identities; immutable."""

    __slots__ = ("_by_san",)

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._by_san: Final = {identity.principal: identity for identity in identities}

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Return every principal, in the file's order."""
        return tuple(self._by_san.values())

    def identify(self, sans: Sequence[str]) -> Identity | None:
        """Return who holds a certificate with these URI SANs, or None.

        A certificate that matches two principals is nobody: it must not be able to choose.
        """
        if len(sans) == 1:
            return self._by_san.get(sans[0])
        known = {san for san in sans if san in self._by_san}
        return self._by_san[known.pop()] if len(known) == 1 else None


def parse_policy(text: bytes, vocabulary: Vocabulary) -> Policy:
    """Compile a policy file; raises PolicyInvalid. Takes at most 1 MiB."""
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyInvalid("", "the file is larger than 1 MiB")
    try:
        document = load_yaml(text)
    except NotYaml:
        raise PolicyInvalid("", "not valid YAML, or a key or alias it may not use") from None
    top = _mapping(document, "", required={"principals", "roles"})
    roles = _roles(top["roles"], vocabulary)
    entries = _list(top["principals"], "principals", most=MAX_PRINCIPALS)
    identities: dict[str, Identity] = {}
    for index, entry in enumerate(entries):
        path = f"principals[{index}]"
        identity = _identity(entry, path, roles)
        if identity.principal in identities:
            raise PolicyInvalid(f"{path}.match.san", "named by an earlier principal already")
        identities[identity.principal] = identity
    return Policy(tuple(identities.values()))


def _roles(node: object, vocabulary: Vocabulary) -> Mapping[str, _Role]:
    roles = _mapping(node, "roles", required=set(), free=True)
    if len(roles) > MAX_ROLES:
        raise PolicyInvalid("roles", "too many roles")
    return {
        _name(name, f"roles.{_shown(name)}"): _role(role, f"roles.{_shown(name)}", vocabulary)
        for name, role in roles.items()
    }


def _role(node: object, path: str, vocabulary: Vocabulary) -> _Role:
    role = _mapping(node, path, required={"allow"}, optional={"purposes", "statuses"})
    allow = _texts(role["allow"], f"{path}.allow")
    for index, permission in enumerate(allow):
        if permission not in vocabulary.permissions:
            raise PolicyInvalid(f"{path}.allow[{index}]", "no such permission")
    purposes = _texts(role.get("purposes", []), f"{path}.purposes")
    for index, purpose in enumerate(purposes):
        _name(purpose, f"{path}.purposes[{index}]")
    seen = dict.fromkeys(purposes, DEFAULT_STATUSES)
    listed = _mapping(role.get("statuses", {}), f"{path}.statuses", required=set(), free=True)
    for purpose, statuses in listed.items():
        where = f"{path}.statuses.{_shown(purpose)}"
        if purpose not in seen:
            raise PolicyInvalid(where, "not a purpose of this role")
        names = _texts(statuses, where)
        for index, status in enumerate(names):
            if status not in vocabulary.statuses:
                raise PolicyInvalid(f"{where}[{index}]", "no such status")
        seen[purpose] = frozenset(names)
    return _Role(frozenset(allow), seen)


def _identity(node: object, path: str, roles: Mapping[str, _Role]) -> Identity:
    entry = _mapping(node, path, required={"match", "tenants", "roles"})
    san = _match(entry["match"], f"{path}.match")
    tenants = _texts(entry["tenants"], f"{path}.tenants")
    for index, tenant in enumerate(tenants):
        if not _TENANT.fullmatch(tenant):
            raise PolicyInvalid(f"{path}.tenants[{index}]", "not a tenant's name")
    granted: list[_Role] = []
    for index, name in enumerate(_texts(entry["roles"], f"{path}.roles")):
        if name not in roles:
            raise PolicyInvalid(f"{path}.roles[{index}]", "no such role")
        granted.append(roles[name])
    statuses: dict[str, frozenset[str]] = {}
    for role in granted:
        for purpose, seen in role.purposes.items():
            statuses[purpose] = statuses.get(purpose, frozenset()) | seen
    return Identity(
        principal=san,
        tenants=tuple(tenants),
        permissions=frozenset[str]().union(*(role.permissions for role in granted)),
        purposes=frozenset(statuses),
        statuses=statuses,
    )


def _match(node: object, path: str) -> str:
    match = _mapping(node, path, required=set(), optional={"san", "jwt"})
    if len(match) != 1:
        raise PolicyInvalid(path, "exactly one of san and jwt")
    if "jwt" in match:
        jwt = _mapping(match["jwt"], f"{path}.jwt", required={"issuer", "subject"})
        _text(jwt["issuer"], f"{path}.jwt.issuer")
        _text(jwt["subject"], f"{path}.jwt.subject")
        # Refused, not skipped: an operator must not believe that this principal can log in.
        raise PolicyInvalid(f"{path}.jwt", "JWT identities are not supported by this release")
    san = _text(match["san"], f"{path}.san")
    if not _SAN.fullmatch(san):
        raise PolicyInvalid(f"{path}.san", "not a URI such as spiffe://demo/app")
    return san


def _mapping(
    node: object,
    path: str,
    *,
    required: set[str],
    optional: set[str] | None = None,
    free: bool = False,
) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PolicyInvalid(path, "must be a mapping")
    for key in node:
        if not isinstance(key, str):
            raise PolicyInvalid(path, "keys must be text")
        if not free and key not in required and key not in (optional or set()):
            raise PolicyInvalid(_join(path, key), "unknown key")
    for key in sorted(required):
        if key not in node:
            raise PolicyInvalid(_join(path, key), "missing")
    return node


def _list(node: object, path: str, *, most: int) -> list[object]:
    if not isinstance(node, list):
        raise PolicyInvalid(path, "must be a list")
    if len(node) > most:
        raise PolicyInvalid(path, "too many entries")
    return node


def _texts(node: object, path: str) -> list[str]:
    texts = [_text(item, f"{path}[{i}]") for i, item in enumerate(_list(node, path, most=1_000))]
    if len(set(texts)) != len(texts):
        raise PolicyInvalid(path, "an entry is repeated")
    return texts


def _text(node: object, path: str) -> str:
    if not isinstance(node, str) or not node:
        raise PolicyInvalid(path, "must be text")
    return node


def _name(text: str, path: str) -> str:
    if not _NAME.fullmatch(text):
        raise PolicyInvalid(path, "names are lower-case letters, digits and underscores")
    return text


def _join(path: str, key: str) -> str:
    return f"{path}.{_shown(key)}" if path else _shown(key)


def _shown(key: str) -> str:
    """Return a key for a message: only if it looks like a name, and holds no card number."""
    return key if _NAME.fullmatch(key) and not _DIGITS.search(key) else "(a key)"
