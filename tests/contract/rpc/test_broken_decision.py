"""A decision that breaks: its caller is refused, others are not, and somebody is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.logged import logged
from tests.doubles.rpc_requests import tokenize
from tests.doubles.rpc_wire import refused
from tests.doubles.vault_site import new_pan, vault_site
from vault.usecases.decide.decider import Decider


async def test_what_breaks_a_decision_is_logged_by_its_kind_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Decider.decide

    def broken(self: Decider, state: Any, entries: Any, *rest: Any) -> Any:
        if any(getattr(each.intent, "customer", "") == "breaks-it" for each in entries):
            raise ZeroDivisionError(f"with {entries[0].intent.contents.pan.reveal()}")
        return honest(self, state, entries, *rest)

    monkeypatch.setattr(Decider, "decide", broken)
    number = new_pan()
    with logged() as stream:
        async with vault_site(tmp_path) as site:
            root = await site.client("root")
            bad = tokenize(number, customer="breaks-it")
            assert (await refused(root.vault.Tokenize(bad, timeout=10))).code == "INVALID_ARGUMENT"
            await root.vault.Tokenize(tokenize(new_pan()), timeout=10)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    faults = [line for line in told if line.get("error_type") == "ZeroDivisionError"]
    assert [(line["level"], line["problem"]) for line in faults] == [("error", "AddCard")]
    assert number not in stream.getvalue()
