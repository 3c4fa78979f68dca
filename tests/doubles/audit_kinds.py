"""Ways of tampering, and what a verification has to call each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.doubles import audit_tampering as tampering
from tests.doubles.audit_tampering import Tamper
from vault.adapters.audit_verify.findings import Finding, Kind

ROUND = 20
"""No wider than this is what two checkpoints enclose."""
K = Kind
KINDS: Final[list[tuple[Tamper, set[Kind]]]] = [
    (tampering.edit_record, {K.EDITED}),
    (tampering.edit_one_byte, {K.EDITED}),
    (tampering.edit_with_hash, {K.EDITED}),
    (tampering.edit_hash, {K.EDITED}),
    (tampering.edit_time_column, {K.EDITED}),
    (tampering.edit_and_rehash_all, {K.REWRITTEN}),
    (tampering.replace_by_other_chain, {K.EDITED}),
    (tampering.drop, {K.DROPPED}),
    (tampering.drop_and_renumber, {K.DROPPED}),
    (tampering.drop_renumber_and_rehash, {K.DROPPED}),
    (tampering.swap_records, {K.REORDERED}),
    (tampering.swap_neighbours, {K.REORDERED}),
    (tampering.copy_over_another, {K.DUPLICATED}),
    (tampering.insert_copy, {K.DUPLICATED}),
    (tampering.insert_copy_and_rehash, {K.DUPLICATED}),
    (tampering.truncate, {K.TRUNCATED}),
    (tampering.truncate_rows_only, {K.TRUNCATED}),
]


def names(finding: Finding, kinds: set[Kind], chain: str, sequence: int) -> bool:
    """Tell whether a finding names this record, as one of these kinds."""
    in_place = finding.first - 1 <= sequence <= finding.last
    if finding.kind is K.EDITED and finding.first == sequence + 1:
        # The link alone can't tell an edited record from its edited predecessor: both are named.
        return f"or record {sequence} " in finding.why and finding.chain == chain
    exact = finding.first <= sequence <= finding.last
    return in_place and exact and finding.kind in kinds and finding.chain == chain


def check_named(findings: Sequence[Finding], kinds: set[Kind], chain: str, sequence: int) -> None:
    """Check that the record is named as one of these kinds, and little else with it."""
    told = (chain, sequence, [str(each) for each in findings])
    assert any(names(each, kinds, chain, sequence) for each in findings), told
    assert len(findings) <= 4, told
    if kinds == {K.REWRITTEN}:
        assert findings[0].last - findings[0].first < ROUND, told


def placed(findings: Sequence[Finding]) -> list[tuple[Kind, str, int, int]]:
    """Return what findings are and where, without their words."""
    return [each[:4] for each in findings]
