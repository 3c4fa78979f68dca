"""`UpdaterService`: enrolments and inquiries."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from cardvault.updater.v1 import updater_service_pb2 as pb
from google.protobuf.message import Message

from cards.masking import is_card_number
from chassis.call import Call
from chassis.clock import Clock
from updater.domain.enrolment import Enrolment, EnrolmentState
from updater.domain.errors import InquiryNotFound
from updater.domain.inquiry import Inquiry, InquiryState
from updater.rpc import messages
from updater.rpc.errors import card_number_in_field, deadline_exceeded
from updater.rpc.pages import Pages, size_of
from updater.usecases.assembly import Updater
from updater.usecases.choose import Wish
from updater.usecases.ports import RequestMark

T = TypeVar("T")
_LIVE: Final = (EnrolmentState.ACTIVE, EnrolmentState.SUSPENDED)


@dataclass(frozen=True, slots=True)
class UpdaterHandlers:
    """Handlers of `UpdaterService`.

    `busy` keeps cards from being chosen twice at a time; `wake` tells the worker that there is a
    file to write.
    """

    updater: Updater
    pages: Pages
    clock: Clock
    busy: asyncio.Lock
    wake: Callable[[], None]

    async def enroll(self, request: pb.EnrollRequest, call: Call) -> pb.EnrollResponse:
        """Enrol a card for a merchant account."""
        mark = self._mark(request, call)
        work = self.updater.desk.enroll(
            call.tenant,
            request.token,
            request.merchant_account,
            mark=mark,
        )
        return pb.EnrollResponse(enrollment=self._shown(await self._within(call, work)))

    async def unenroll(self, request: pb.UnenrollRequest, call: Call) -> pb.UnenrollResponse:
        """End an enrolment."""
        mark = self._mark(request, call)
        ended = await self.updater.desk.unenroll(
            call.tenant, request.token, request.merchant_account, mark=mark
        )
        return pb.UnenrollResponse(enrollment=self._shown(ended))

    async def get_enrollment(
        self, request: pb.GetEnrollmentRequest, call: Call
    ) -> pb.GetEnrollmentResponse:
        """Return one enrolment."""
        found = await self.updater.desk.enrolment(
            call.tenant, request.token, request.merchant_account
        )
        return pb.GetEnrollmentResponse(enrollment=self._shown(found))

    async def list_enrollments(
        self, request: pb.ListEnrollmentsRequest, call: Call
    ) -> pb.ListEnrollmentsResponse:
        """Return a page of enrolments."""
        size = size_of(request)
        after = self.pages.position(call.tenant, request, 2) or ["", ""]
        names = [pb.EnrollmentState.Name(state) for state in request.states]
        states = [EnrolmentState(name.removeprefix("ENROLLMENT_STATE_")) for name in names]
        found = await self.updater.ports.enrolments.page(
            call.tenant,
            token=request.token,
            merchant_account=request.merchant_account,
            states=states or _LIVE,
            after=(after[0], after[1]),
            limit=size + 1,
        )
        shown, last = found[:size], found[size - 1 : size]
        more = len(found) > size
        place = [(card.token, card.merchant_account) for card in last]
        return pb.ListEnrollmentsResponse(
            enrollments=[self._shown(card) for card in shown],
            next_page_token=self.pages.token(call.tenant, request, *place[0]) if more else "",
        )

    async def create_inquiry(
        self, request: pb.CreateInquiryRequest, call: Call
    ) -> pb.CreateInquiryResponse:
        """Open an inquiry; the worker writes and sends it."""
        wish = Wish(request.merchant_account, self._mark(request, call))

        async def work() -> Inquiry:
            async with self.busy:
                return await self.updater.desk.inquire(call.tenant, request.channel, wish)

        opened = await self._within(call, work())
        self.wake()
        return pb.CreateInquiryResponse(inquiry=await self._inquiry(opened))

    async def get_inquiry(self, request: pb.GetInquiryRequest, call: Call) -> pb.GetInquiryResponse:
        """Return one inquiry."""
        found = await self.updater.ports.inquiries.find(request.inquiry_id)
        if found is None or found.tenant != call.tenant:
            raise InquiryNotFound("the tenant has no such inquiry")
        return pb.GetInquiryResponse(inquiry=await self._inquiry(found))

    async def list_inquiries(
        self, request: pb.ListInquiriesRequest, call: Call
    ) -> pb.ListInquiriesResponse:
        """Return a page of inquiries."""
        size = size_of(request)
        place = self.pages.position(call.tenant, request, 1) or [""]
        asked = [pb.InquiryState.Name(state) for state in request.states]
        states = [InquiryState(name.removeprefix("INQUIRY_STATE_")) for name in asked]
        known = request.channel in {"", self.updater.channel.name}
        found = (
            await self.updater.ports.inquiries.page(
                call.tenant, states=states, before=place[0], limit=size + 1
            )
            if known
            else ()
        )
        shown = [await self._inquiry(one) for one in found[:size]]
        more = len(found) > size
        token = self.pages.token(call.tenant, request, found[size - 1].batch_id) if more else ""
        return pb.ListInquiriesResponse(inquiries=shown, next_page_token=token)

    async def _inquiry(self, one: Inquiry) -> pb.Inquiry:
        progress = await self.updater.ports.inquiries.progress(one.batch_id)
        return messages.inquiry(one, progress)

    def _shown(self, card: Enrolment) -> pb.Enrollment:
        return messages.enrollment(card)

    def _mark(self, request: Message, call: Call) -> RequestMark:
        """Return the request's mark: the id in one spelling, and a MAC of everything else."""
        asked = type(request)()
        asked.CopyFrom(request)
        asked.ClearField("request_id")
        for path in ("token", "merchant_account"):
            if is_card_number(getattr(request, path, "")):
                raise card_number_in_field(path)
        content = asked.SerializeToString(deterministic=True)
        request_id: str = request.request_id  # type: ignore[attr-defined] # callers have it
        digest = self.updater.ports.marks.request(call.method, content)
        return RequestMark(call.tenant, call.identity.principal, request_id.lower(), digest)

    async def _within(self, call: Call, work: Awaitable[T]) -> T:
        """Wait for the caller's deadline at most. A commit under way is not cut off by it."""
        left = None if call.deadline is None else call.deadline - self.clock.monotonic()
        try:
            async with asyncio.timeout(left):
                return await work
        except TimeoutError:
            raise deadline_exceeded() from None
