"""Decide whether a call may proceed: identity, tenant, permission (api.md, "Tenant")."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from chassis.call import TENANT_KEY, RawCall
from chassis.identity import Identity
from chassis.routes import Route
from chassis.status import (
    REASON_PERMISSION_DENIED,
    REASON_TENANT_DENIED,
    REASON_TENANT_REQUIRED,
    REASON_UNAUTHENTICATED,
    Code,
    StatusError,
)

Identify = Callable[[Sequence[str]], Identity | None]
MAX_TENANT: Final = 64


class Refused(Exception):
    """A call was turned away at the door; carries what the audit record needs."""

    def __init__(self, identity: Identity | None, tenant: str, status: StatusError) -> None:
        super().__init__(status.reason)
        self.identity: Final = identity
        self.tenant: Final = tenant  # as asked for, at most 64 characters; empty when unknown
        self.status: Final = status
        self.origin = ""  # the peer's address; the guard fills it in


class Admission:
    """Admit calls to one route. Made once per route; a call costs two lookups."""

    __slots__ = ("_identify", "_permissions", "_tenant_scoped")

    def __init__(self, route: Route, identify: Identify) -> None:
        self._identify: Final = identify
        self._permissions: Final = route.permissions
        self._tenant_scoped: Final = route.tenant_scoped

    def admit(self, raw: RawCall, metadata: Mapping[str, str]) -> tuple[Identity, str]:
        """Return who calls and for which tenant, or raise Refused."""
        identity = self._identify(raw.peer_sans())
        if identity is None:
            raise Refused(
                None,
                "",
                StatusError(
                    Code.UNAUTHENTICATED,
                    REASON_UNAUTHENTICATED,
                    "the client certificate names nobody the policy knows",
                ),
            )
        tenants = identity.tenants
        if len(tenants) == 1 and TENANT_KEY not in metadata:
            tenant = tenants[0]
        else:
            tenant = self._chosen(identity, metadata.get(TENANT_KEY))
        if self._permissions and self._permissions.isdisjoint(identity.permissions):
            raise Refused(
                identity,
                tenant,
                StatusError(
                    Code.PERMISSION_DENIED,
                    REASON_PERMISSION_DENIED,
                    "the policy does not allow this caller this method",
                ),
            )
        return identity, tenant

    def _chosen(self, identity: Identity, asked: str | None) -> str:
        """Return the tenant that the metadata names, if the identity's list has it."""
        if asked is None:
            if not self._tenant_scoped:
                return ""
            if identity.tenants:
                raise Refused(
                    identity,
                    "",
                    StatusError(
                        Code.INVALID_ARGUMENT,
                        REASON_TENANT_REQUIRED,
                        "this caller has several tenants: name one in cardvault-tenant",
                    ),
                )
        elif asked in identity.tenants:
            return asked
        # The same answer whether the tenant exists or not.
        raise Refused(
            identity,
            (asked or "")[:MAX_TENANT],
            StatusError(
                Code.PERMISSION_DENIED,
                REASON_TENANT_DENIED,
                "the policy does not allow this caller this tenant",
            ),
        )
