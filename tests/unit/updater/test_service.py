"""The updater's API over mTLS, in front of a real vault, real files and the acquirer double."""

import asyncio
from pathlib import Path
from typing import Any

import apsw
import grpc
import pytest
from cardvault.updater.v1 import feed_service_pb2 as feed_pb
from cardvault.updater.v1 import updater_service_pb2 as pb

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.otlp_receiver import otlp_receiver
from tests.doubles.traces import ASKED, CALLER
from tests.doubles.updater_site import DEADLINE, reason, rid, until, updater_site
from updater.domain.errors import StoreBroken


async def test_a_card_is_asked_about_and_changed_under_its_token(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        updater, feeds = await site.stubs("root")
        asked = pb.CreateInquiryRequest(
            request_id=rid(), channel="cybersource-au-csv", merchant_account="shop"
        )
        opened: Any = await updater.CreateInquiry(asked, timeout=DEADLINE)
        again: Any = await updater.CreateInquiry(asked, timeout=DEADLINE)
        inquiry_id = opened.inquiry.inquiry_id
        assert again.inquiry.inquiry_id == inquiry_id

        async def state(wanted: int) -> bool:
            request = pb.GetInquiryRequest(inquiry_id=inquiry_id)
            reply: Any = await updater.GetInquiry(request, timeout=DEADLINE)
            return bool(reply.inquiry.state == wanted)

        await until(lambda: state(pb.INQUIRY_STATE_SENT))
        site.acquirer.answer_all()
        await until(lambda: state(pb.INQUIRY_STATE_ANSWERED))
        listed: Any = await feeds.ListFeedFiles(feed_pb.ListFeedFilesRequest(), timeout=DEADLINE)
        (file,) = listed.feed_files
        assert (file.state, file.inquiry_id) == (feed_pb.FEED_FILE_STATE_APPLIED, inquiry_id)
        request = feed_pb.GetFeedFileRequest(feed_file_id=file.feed_file_id)
        shown: Any = await feeds.GetFeedFile(request, timeout=DEADLINE)
        assert [count.count for count in shown.feed_file.counts] == [1]
        _, foreign = await site.stubs("other")
        unknown = feed_pb.GetFeedFileRequest(feed_file_id="feed_" + "0" * 24)
        told = set()
        for each in (request, unknown):  # another tenant's file and none: the same, to the letter
            with pytest.raises(grpc.aio.AioRpcError) as gone:
                await foreign.GetFeedFile(each, timeout=DEADLINE)
            told.add((gone.value.code(), gone.value.details()))
        assert told == {(grpc.StatusCode.NOT_FOUND, "the tenant has no such feed file")}
        enrolled: Any = await updater.GetEnrollment(
            pb.GetEnrollmentRequest(token=token, merchant_account="shop"), timeout=DEADLINE
        )
        assert enrolled.enrollment.open_inquiry_id == ""
        assert enrolled.enrollment.HasField("last_checked_time")
        revealed = await site.revealed(token)
        assert revealed.masked.credential_version == 2
        assert (revealed.card.expiry_month, revealed.card.expiry_year) == (5, 2031)


async def test_its_calls_and_its_own_of_the_vault_are_traced(tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        async with updater_site(tmp_path, otlp_endpoint=receiver.endpoint, trace_ratio=1.0) as site:
            token = await site.card("shop")
            updater, _ = await site.stubs("app")
            request = pb.EnrollRequest(request_id=rid(), token=token, merchant_account="shop")
            await updater.Enroll(request, timeout=DEADLINE, metadata=ASKED)
    served = receiver.one("/cardvault.updater.v1.UpdaterService/Enroll")
    assert (served.service, served.parent, served.proto.kind) == ("cardvault-updater", CALLER, 2)
    stream = "/cardvault.vault.v1.CredentialService/StreamCredentials"
    assert {"db.transact", stream} <= receiver.below(served)
    streamed = receiver.named(stream)
    assert {span.proto.kind for span in streamed} == {3}
    # It also looks for cards by itself: a trace that nobody called for.
    assert {span.parent for span in streamed} == {"", served.id}


async def test_enrolment_follows_consent_and_can_be_ended_and_begun(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        bare = await site.card()
        updater, _ = await site.stubs("app")
        request = pb.EnrollRequest(request_id=rid(), token=token, merchant_account="shop")
        enrolled: Any = await updater.Enroll(request, timeout=DEADLINE)
        assert enrolled.enrollment.state == pb.ENROLLMENT_STATE_ACTIVE
        ending = pb.UnenrollRequest(request_id=rid(), token=token, merchant_account="shop")
        ended: Any = await updater.Unenroll(ending, timeout=DEADLINE)
        assert ended.enrollment.state == pb.ENROLLMENT_STATE_ENDED
        listed: Any = await updater.ListEnrollments(pb.ListEnrollmentsRequest(), timeout=DEADLINE)
        assert not listed.enrollments
        cases: list[tuple[Any, Any, tuple[grpc.StatusCode, str]]] = [
            (
                updater.Enroll,
                pb.EnrollRequest(request_id=rid(), token=bare, merchant_account="shop"),
                (grpc.StatusCode.FAILED_PRECONDITION, "NOT_COVERED"),
            ),
            (
                updater.Enroll,
                pb.EnrollRequest(request_id=rid(), token="tok_none", merchant_account="shop"),
                (grpc.StatusCode.NOT_FOUND, "CARD_NOT_FOUND"),
            ),
            (
                updater.Enroll,
                pb.EnrollRequest(
                    request_id=ending.request_id, token=token, merchant_account="shop"
                ),
                (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
            ),
            (
                updater.Unenroll,
                pb.UnenrollRequest(request_id=rid(), token=token, merchant_account="other"),
                (grpc.StatusCode.NOT_FOUND, "ENROLLMENT_NOT_FOUND"),
            ),
            (
                updater.CreateInquiry,
                pb.CreateInquiryRequest(
                    request_id=rid(), channel="cybersource-au-csv", merchant_account="shop"
                ),
                (grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_TO_ASK"),
            ),
            (
                updater.CreateInquiry,
                pb.CreateInquiryRequest(request_id=rid(), channel="other", merchant_account="shop"),
                (grpc.StatusCode.INVALID_ARGUMENT, "CHANNEL_UNKNOWN"),
            ),
            (
                updater.GetInquiry,
                pb.GetInquiryRequest(inquiry_id="1"),
                (grpc.StatusCode.NOT_FOUND, "INQUIRY_NOT_FOUND"),
            ),
            (
                updater.ListInquiries,
                pb.ListInquiriesRequest(page_token="bm90LW91cnM"),
                (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
            ),
        ]
        for method, bad, expected in cases:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await method(bad, timeout=DEADLINE)
            assert reason(refused.value) == expected
        back = pb.EnrollRequest(request_id=rid(), token=token, merchant_account="shop")
        begun: Any = await updater.Enroll(back, timeout=DEADLINE)
        assert begun.enrollment.state == pb.ENROLLMENT_STATE_ACTIVE


async def test_lists_are_paged_and_their_tokens_bound_to_the_query(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        tokens = sorted([await site.card("shop") for _ in range(3)])
        updater, _ = await site.stubs("root")
        await updater.CreateInquiry(
            pb.CreateInquiryRequest(
                request_id=rid(), channel="cybersource-au-csv", merchant_account="shop"
            ),
            timeout=DEADLINE,
        )
        request = pb.ListEnrollmentsRequest(page_size=2)
        first: Any = await updater.ListEnrollments(request, timeout=DEADLINE)
        request.page_token = first.next_page_token
        second: Any = await updater.ListEnrollments(request, timeout=DEADLINE)
        both = [*first.enrollments, *second.enrollments]
        assert [each.token for each in both] == tokens
        assert second.next_page_token == ""
        request.merchant_account = "shop"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await updater.ListEnrollments(request, timeout=DEADLINE)
        assert reason(refused.value)[1] == "PAGE_TOKEN_INVALID"
        listed: Any = await updater.ListInquiries(pb.ListInquiriesRequest(), timeout=DEADLINE)
        assert len(listed.inquiries) == 1


async def test_who_may_not_is_refused_and_other_tenants_see_nothing(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        root, _ = await site.stubs("root")
        request = pb.EnrollRequest(request_id=rid(), token=token, merchant_account="shop")
        await root.Enroll(request, timeout=DEADLINE)
        other, _ = await site.stubs("other")
        psp, feeds = await site.stubs("psp")
        nobody, _ = await site.stubs("nobody")
        shown = pb.GetEnrollmentRequest(token=token, merchant_account="shop")
        for stub, expected in (
            (other, "ENROLLMENT_NOT_FOUND"),
            (psp, "PERMISSION_DENIED"),
            (nobody, "UNAUTHENTICATED"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.GetEnrollment(shown, timeout=DEADLINE)
            assert reason(refused.value)[1] == expected
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            await feeds.ListFeedFiles(feed_pb.ListFeedFilesRequest(), timeout=DEADLINE)
        assert denied.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_card_number_as_an_id_is_refused_and_not_echoed(tmp_path: Path) -> None:
    number = number_for_test(Brand.VISA, 1)
    async with updater_site(tmp_path) as site:
        updater, _ = await site.stubs("root")
        bad = pb.EnrollRequest(request_id=rid(), token=number, merchant_account="shop")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await updater.Enroll(bad, timeout=DEADLINE)
        assert reason(refused.value)[1] == "CARD_NUMBER_IN_OTHER_FIELD"
        echoed = number in str(refused.value)
        assert not echoed


async def test_a_vault_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with updater_site(tmp_path, vault_address="127.0.0.1:1") as site:
        updater, _ = await site.stubs("root")
        request = pb.EnrollRequest(request_id=rid(), token="tok_1", merchant_account="shop")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await updater.Enroll(request, timeout=DEADLINE)
        assert reason(refused.value) == (grpc.StatusCode.UNAVAILABLE, "VAULT_UNAVAILABLE")


async def test_a_database_that_fails_for_good_ends_the_updater(tmp_path: Path) -> None:
    def fails(_db: apsw.Connection) -> None:
        raise apsw.IOError

    with pytest.raises(BaseExceptionGroup) as ended:  # noqa: PT012 - it is the block that ends
        async with updater_site(tmp_path) as site:
            feeds: Any = site.stores.feeds
            with pytest.raises(StoreBroken):
                await feeds._database.run(fails)
            await asyncio.sleep(DEADLINE)
    assert ended.group_contains(StoreBroken)
