"""Every target, where it is, and its share of the executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from tests.fuzz.target import Target

MODULES: Final[Mapping[str, Mapping[str, int]]] = {
    "addresses": {"addresses": 500},
    "audit": {
        "record": 500,
        "body": 400,
        "checkpoint": 300,
        "proof": 300,
        "public-key": 150,
        "dump": 60,
    },
    "cards": {"pan": 500, "expiry": 200, "text": 100, "scan": 50},
    "files": {
        "cybersource-au-csv": 400,
        "gp-bigbatch-80": 400,
        "mes-aus-124": 400,
        "openpgp": 1,
        "openpgp-head": 200,
        "import": 200,
    },
    "rpc_updater": {"UpdaterService": 400, "FeedService": 80},
    "rpc_vault": {
        "VaultService": 900,
        "RevealService": 400,
        "CredentialService": 400,
        "AuditService": 250,
    },
    "sealed": {"blob": 400, "wrapped-key": 300, "vault-page": 400, "updater-page": 400},
    "settings": {
        "policy": 100,
        "channels": 80,
        "script": 80,
        "key-file": 100,
        "variables": 60,
        "times": 200,
    },
    "transport": {
        "headers": 300,
        "timeout": 300,
        "identity": 400,
        "frames": 400,
        "health": 200,
    },
}
"""Modules of `tests/fuzz/targets`, their targets by name, and shares: dear ones have small ones."""

SHARES: Final[Mapping[str, int]] = {
    name: share for targets in MODULES.values() for name, share in targets.items()
}
CALLS: Final = frozenset(MODULES["rpc_vault"]) | frozenset(MODULES["rpc_updater"])
"""The targets that are a service's RPCs: the dearest ones."""
_MODULE_OF: Final = {name: module for module, targets in MODULES.items() for name in targets}


def load(name: str) -> Target:
    """Import a target by its name; nothing of the product is imported before."""
    module = import_module(f"tests.fuzz.targets.{_MODULE_OF[name]}")
    targets: Sequence[Target] = module.TARGETS
    return next(each for each in targets if each.name == name)
