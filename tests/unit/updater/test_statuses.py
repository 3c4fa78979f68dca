"""Every failure of the updater has its status, or is one that no caller meets."""

from cardvault.vault.v1 import error_reason_pb2

from chassis.status import Code
from updater.domain.errors import Reason, UpdaterError
from updater.rpc.errors import INTERNAL_ONLY, STATUSES, translate


def test_every_reason_is_told_or_stays_inside() -> None:
    assert STATUSES.keys() | INTERNAL_ONLY == set(Reason)
    assert not STATUSES.keys() & INTERNAL_ONLY


def test_what_is_told_is_in_the_contract() -> None:
    known = set(error_reason_pb2.ErrorReason.keys())
    assert {f"ERROR_REASON_{told.name}" for told in STATUSES.values()} <= known


def test_waiting_is_advised_where_it_helps() -> None:
    passing = {Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED}
    for told in STATUSES.values():
        assert (told.retry_after is not None) == (told.code in passing)


def test_a_failure_that_no_caller_meets_is_unexpected() -> None:
    for reason in INTERNAL_ONLY:
        kind = next(each for each in UpdaterError.__subclasses__() if each.reason is reason)
        assert translate(kind("text")) is None
