"""
The round trip of the demo: a message goes out, its statuses come in, a person answers, somebody forges a callback.

A real aiohttp service on loopback receives what the simulator calls back. How it looks stands in ``demo_table``.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from vonage_messages.adapters.aiohttp import INBOUND_PATH, STATUS_PATH, webhook_routes
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.cli.catalogue import COMPANY, PERSON
from vonage_messages.errors import VonageMessagesError
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.simulator import Simulator, Webhooks
from vonage_messages.webhooks.content import Text
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vonage_messages.clients import Client
    from vonage_messages.values import Seconds

_QUESTION = "Your parcel is at the door. Shall we ring?"
_ANSWER = "Yes, please"
_THANKS = "We are ringing."
_FORGERY = "Send it to another address"
_STATUSES = ["submitted", "delivered", "read"]
_WITHIN: Seconds = 60.0
"""How long the demo waits for what takes a tenth of a second: more than on a busy machine."""


@attrs.frozen(kw_only=True)
class Happening:
    """One thing that happened on the round trip, and whether it should have."""

    what: str
    detail: str
    as_expected: bool


async def travel() -> tuple[Happening, ...]:
    """Make the round trip once. What goes wrong is a happening too, and the last one."""
    happenings: list[Happening] = []
    # The forgery leaves a line in the log, which is right in a service and would only puzzle whoever watches a demo.
    quiet = logging.NullHandler()
    logging.getLogger("vonage_messages").addHandler(quiet)
    try:
        async with Simulator() as simulator, _service(simulator) as service, simulator.client() as client:
            trip = _Trip(simulator, service, client, happenings)
            await trip.deliver()
            await trip.answer()
            await trip.forge()
    except VonageMessagesError as error:
        happenings.append(Happening(what="failed", detail=str(error), as_expected=False))
    finally:
        logging.getLogger("vonage_messages").removeHandler(quiet)
    return tuple(happenings)


class _Service:
    """What a user writes: a router, a tracker, and here a list of the texts that came in."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.tracker = Tracker(router)
        self.texts: list[str] = []
        router.inbound(message_type="text")(self.on_text)

    async def on_text(self, event: InboundMessage) -> None:
        """Keep what somebody wrote."""
        if isinstance(event.content, Text):
            self.texts.append(event.content.text)


@asynccontextmanager
async def _service(simulator: Simulator) -> AsyncIterator[_Service]:
    """Run a service on a free loopback port, and let the simulator call it."""
    service = _Service(Router())
    application = web.Application()
    routes = webhook_routes(service.router, verifier=SignatureVerifier(simulator.signature_secret))
    application.add_routes(routes)
    application.on_shutdown.append(routes.close)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        simulator.webhooks = Webhooks(status_url=base + STATUS_PATH, inbound_url=base + INBOUND_PATH)
        yield service
    finally:
        await runner.cleanup()


@attrs.define
class _Trip:
    """The steps of one round trip."""

    simulator: Simulator
    service: _Service
    client: Client
    happenings: list[Happening]

    async def deliver(self) -> None:
        """Send a message, and hear of it until it is read."""
        sent = await self.client.send(WhatsappText(to=PERSON, from_=COMPANY, text=_QUESTION))
        self._note("sent", f"{sent.message_uuid[:8]}  {_QUESTION}", expected=True)
        seen = [status async for status in self.service.tracker.statuses(sent, timeout=_WITHIN)]
        for status in seen:
            detail = f"{status.message_uuid[:8]}  signature checked"
            self._note(status.status, detail, expected=status.status in _STATUSES)
        self._note_missing([status.status for status in seen])

    async def answer(self) -> None:
        """Let the person answer, and answer that."""
        question = self.simulator.messages[-1]
        await self.simulator.inbound(reply_to=question, text=_ANSWER)
        reply = await self.service.tracker.wait_for_reply(question.message_uuid, timeout=_WITHIN)
        text = reply.content.text if isinstance(reply.content, Text) else ""
        quoted = reply.context.message_uuid if reply.context is not None else None
        expected = text == _ANSWER and quoted == question.message_uuid
        self._note("reply", f"{reply.message_uuid[:8]}  a person typed: {text}", expected=expected)
        await self.client.mark_read(reply, typing_indicator=True)
        answered = await self.client.reply(reply, _THANKS)
        arrived = self.simulator.state.message(answered.message_uuid)
        expected = arrived is not None and arrived.payload["context"] == {"message_uuid": reply.message_uuid}
        self._note("answered", f"{answered.message_uuid[:8]}  {_THANKS}", expected=expected)

    async def forge(self) -> None:
        """Let somebody without the secret write: nothing of it may reach the handlers."""
        wrong = "a guess of somebody"
        result = await self.simulator.inbound(text=_FORGERY, signature_secret=wrong)
        refused = result.status == web.HTTPUnauthorized.status_code and _FORGERY not in self.service.texts
        detail = f"{result.message_uuid[:8]}  refused with {result.status}, no handler saw it"
        self._note("forged", detail if refused else f"answered with {result.status}", expected=refused)

    def _note(self, what: str, detail: str, *, expected: bool) -> None:
        self.happenings.append(Happening(what=what, detail=detail, as_expected=expected))

    def _note_missing(self, seen: list[str]) -> None:
        for status in _STATUSES:
            if status not in seen:
                self._note(status, "did not come", expected=False)
