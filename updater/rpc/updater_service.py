"""`UpdaterService`: enrolments and inquiries."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardvault.updater.v1 import updater_service_pb2 as pb

from chassis.call import Call
from updater.domain.enrolment import EnrolmentState
from updater.domain.errors import InquiryNotFound
from updater.domain.inquiry import Inquiry, InquiryState
from updater.rpc import messages
from updater.rpc.calls import Calls
from updater.rpc.pages import Pages, size_of
from updater.usecases.choose import Wish
from updater.usecases.desk import Desk
from updater.usecases.ports_store import EnrolmentStore, InquiryStore

_LIVE: Final = (EnrolmentState.ACTIVE, EnrolmentState.SUSPENDED)


@dataclass(frozen=True, slots=True)
class UpdaterHandlers:
    """Handlers of `UpdaterService`.

    `busy` keeps cards from being chosen twice at a time; `wake` tells the worker that there is a
    file to write.
    """

    desk: Desk
    enrolments: EnrolmentStore
    inquiries: InquiryStore
    pages: Pages
    calls: Calls
    busy: asyncio.Lock
    wake: Callable[[], None]

    async def enroll(self, request: pb.EnrollRequest, call: Call) -> pb.EnrollResponse:
        """Enrol a card for a merchant account."""
        mark = self.calls.mark(request, call)
        work = self.desk.enroll(
            call.tenant,
            request.token,
            request.merchant_account,
            mark=mark,
        )
        enrolled = await self.calls.within(call, work)
        return pb.EnrollResponse(enrollment=messages.enrollment(enrolled))

    async def unenroll(self, request: pb.UnenrollRequest, call: Call) -> pb.UnenrollResponse:
        """End an enrolment."""
        mark = self.calls.mark(request, call)
        ended = await self.desk.unenroll(
            call.tenant, request.token, request.merchant_account, mark=mark
        )
        return pb.UnenrollResponse(enrollment=messages.enrollment(ended))

    async def get_enrollment(
        self, request: pb.GetEnrollmentRequest, call: Call
    ) -> pb.GetEnrollmentResponse:
        """Return one enrolment."""
        found = await self.desk.enrolment(call.tenant, request.token, request.merchant_account)
        return pb.GetEnrollmentResponse(enrollment=messages.enrollment(found))

    async def list_enrollments(
        self, request: pb.ListEnrollmentsRequest, call: Call
    ) -> pb.ListEnrollmentsResponse:
        """Return a page of enrolments."""
        size = size_of(request)
        after = self.pages.position(call.tenant, request, 2) or ["", ""]
        names = [pb.EnrollmentState.Name(state) for state in request.states]
        states = [EnrolmentState(name.removeprefix("ENROLLMENT_STATE_")) for name in names]
        found = await self.enrolments.page(
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
            enrollments=[messages.enrollment(card) for card in shown],
            next_page_token=self.pages.token(call.tenant, request, *place[0]) if more else "",
        )

    async def create_inquiry(
        self, request: pb.CreateInquiryRequest, call: Call
    ) -> pb.CreateInquiryResponse:
        """Open an inquiry; the worker writes and sends it."""
        wish = Wish(request.merchant_account, self.calls.mark(request, call))

        async def work() -> Inquiry:
            async with self.busy:
                return await self.desk.inquire(call.tenant, request.channel, wish)

        opened = await self.calls.within(call, work())
        self.wake()
        return pb.CreateInquiryResponse(inquiry=await self._inquiry(opened))

    async def get_inquiry(self, request: pb.GetInquiryRequest, call: Call) -> pb.GetInquiryResponse:
        """Return one inquiry."""
        found = await self.inquiries.find(request.inquiry_id)
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
        found = await self.inquiries.page(
            call.tenant, channel=request.channel, states=states, before=place[0], limit=size + 1
        )
        shown = [await self._inquiry(one) for one in found[:size]]
        more = len(found) > size
        token = self.pages.token(call.tenant, request, found[size - 1].batch_id) if more else ""
        return pb.ListInquiriesResponse(inquiries=shown, next_page_token=token)

    async def _inquiry(self, one: Inquiry) -> pb.Inquiry:
        progress = await self.inquiries.progress(one.batch_id)
        return messages.inquiry(one, progress)
