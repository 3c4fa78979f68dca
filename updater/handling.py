"""The handlers of both services, over an opened updater."""

import asyncio
from collections.abc import Callable

from chassis.clock import SystemClock
from updater.rpc.calls import Calls
from updater.rpc.channels import ChannelHandlers
from updater.rpc.decisions import DecisionHandlers
from updater.rpc.exception_service import ExceptionHandlers
from updater.rpc.feed_service import FeedHandlers
from updater.rpc.pages import Pages
from updater.rpc.routes import Handlers
from updater.rpc.updater_service import UpdaterHandlers
from updater.usecases.assembly import Updater
from updater.usecases.exceptions import Exceptions
from updater.usecases.explain import Explain
from updater.usecases.holds import Holds
from updater.usecases.pauses import Pauses
from updater.usecases.replay import Replay, Shelves
from updater.usecases.revert import Revert


def handlers(updater: Updater, wake: Callable[[], None]) -> Handlers:
    """Build every handler; `wake` has open inquiries written now."""
    ports, stores = updater.ports, updater.ports.stores
    clock = ports.clock
    calls, pages = Calls(ports.marks, SystemClock()), Pages(ports.marks)
    channels = tuple(each.channel for each in updater.channels)
    shelves = {
        each.channel.name: Shelves(each.ports.exchange, each.reader) for each in updater.channels
    }
    turn = asyncio.Lock()
    replay = Replay(
        shelves, ports.vault, stores.feeds, stores.pauses, ports.requests, clock, turn=turn
    )
    revert = Revert(ports.vault, stores.feeds, ports.requests, clock, turn)
    return Handlers(
        updater=UpdaterHandlers(
            updater.desk, stores.enrolments, stores.inquiries, pages, calls, updater.choosing, wake
        ),
        channels=ChannelHandlers(
            Pauses(channels, stores.pauses, clock),
            Explain(channels, stores.enrolments, stores.pauses, clock),
            calls,
        ),
        feeds=FeedHandlers(stores.feeds, pages),
        decisions=DecisionHandlers(Holds(stores.feeds, clock), replay, revert, calls),
        exceptions=ExceptionHandlers(
            Exceptions(stores.incidents, ports.vault, clock), pages, calls
        ),
    )
