"""
What the demo does wrong on purpose, and how each mistake must end.

``mistakes`` are found by this package, before anything is sent; ``refusals`` by the platform's rules, after a real
request. Nothing is awaited here but the one call that each of them is about.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import attrs

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.mail import EmailText
from vonage_messages.channels.messenger import MessengerOptions
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberTemplate
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.cli.catalogue import COMPANY, NEWSPAPER, PERSON, READER, VIBER_SERVICE
from vonage_messages.clients import Client
from vonage_messages.simulator import Simulator
from vonage_messages.wire.payloads import to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_SMS_OF_V0_1 = 1000
_LONGEST_SMS = 3200


@attrs.frozen
class Mistake:
    """Something that this package refuses: ``make`` raises before anything could be sent."""

    what: str
    make: Callable[[], object]


@attrs.frozen
class Refusal:
    """Something that the platform refuses, with the HTTP status that it must answer."""

    what: str
    status: int
    account: Callable[[Simulator], AbstractAsyncContextManager[Client]]
    """Opens the client of the account that is refused; it may start a simulator of its own."""
    call: Callable[[Client], Awaitable[object]]


def mistakes() -> tuple[Mistake, ...]:
    """Give every mistake that is found here."""
    instead = WhatsappText(to=PERSON, from_=COMPANY, text="Hello", failover=[_sms()])
    return (
        Mistake("An SMS to a name", lambda: Sms(to="Alice", from_="Acme", text="Hello")),
        Mistake("An SMS with no text that may wait for 136 years", lambda: _sms(text="", ttl=4 * 2**30)),
        Mistake("An SMS that is too long", lambda: _sms(text="a" * (_LONGEST_SMS + 1))),
        Mistake(
            "A failover inside a failover",
            lambda: RcsText(to=PERSON, from_="Acme", text="Hello", failover=[instead]),
        ),
        Mistake("A Messenger tag that was forgotten", lambda: MessengerOptions(category="message_tag")),
        Mistake(
            "An email without a subject",
            lambda: EmailText(to=READER, from_=NEWSPAPER, text="Hello", email={}),
        ),
        Mistake("RCS over v0.1", lambda: to_json(RcsText(to=PERSON, from_="Acme", text="Hello"), "v0.1")),
        Mistake("An SMS that is too long for v0.1", lambda: to_json(_sms(text="a" * (_SMS_OF_V0_1 + 1)), "v0.1")),
        Mistake(
            "A Viber template over v1",
            lambda: to_json(ViberTemplate(to=PERSON, from_=VIBER_SERVICE, template={"name": "verify"})),
        ),
        Mistake("An empty API key", lambda: BasicAuth(api_key="", api_secret=uuid4().hex)),
        Mistake("A key file that is not there", lambda: ApplicationAuth(str(uuid4()), "no-such-folder/private.key")),
    )


def refusals() -> tuple[Refusal, ...]:
    """Give everything that the platform's rules refuse."""
    short = RawMessage({"channel": "sms", "message_type": "text", "to": PERSON, "from": "Acme", "ttl": 5})
    fax = RawMessage({"channel": "fax", "message_type": "text", "to": PERSON, "from": "Acme", "text": "Hello"})
    nested = RawMessage({"to": {"type": "sms", "number": PERSON}, "from": {"type": "sms", "number": "Acme"}})
    return (
        Refusal("A raw SMS with no text and a short ttl", 422, _application, _sending(short)),
        Refusal("A channel that does not exist", 422, _application, _sending(fax)),
        Refusal("A raw v0.1 message without content", 400, _application, lambda client: _send_v0_1(client, nested)),
        Refusal("A wrong API secret", 401, _wrong_secret, _sending(_sms())),
        Refusal("An application that is not known", 401, _unknown_application, _sending(_sms())),
        Refusal("No money left", 402, _poor, _sending(_sms())),
        Refusal("Revoking a message that was never sent", 404, _application, lambda client: client.revoke(_id())),
        Refusal("Revoking an SMS", 422, _application, _send_and_revoke),
        Refusal("Two messages at once where one a second is allowed", 429, _slow, _send_twice),
    )


def _sms(text: str = "Hello", ttl: int | None = None) -> Sms:
    return Sms(to=PERSON, from_="Acme", text=text, ttl=ttl)


def _id() -> str:
    return str(uuid4())


def _sending(message: Sms | RawMessage) -> Callable[[Client], Awaitable[object]]:
    """Make the call that sends *message* once: a demo of refusals does not wait and try again."""
    return lambda client: client.attempt(message)


async def _send_v0_1(client: Client, message: RawMessage) -> None:
    await client.attempt(message, api_version="v0.1")


async def _send_and_revoke(client: Client) -> None:
    sent = await client.attempt(_sms())
    await client.revoke(sent.message_uuid)


async def _send_twice(client: Client) -> None:
    await client.attempt(_sms())
    await client.attempt(_sms())


def _application(simulator: Simulator) -> Client:
    return simulator.client()


def _wrong_secret(simulator: Simulator) -> Client:
    return Client(BasicAuth(simulator.api_key, uuid4().hex), base_url=simulator.url)


def _unknown_application(simulator: Simulator) -> Client:
    return Client(ApplicationAuth(_id(), simulator.private_key), base_url=simulator.url)


@asynccontextmanager
async def _at(simulator: Simulator) -> AsyncIterator[Client]:
    """Open the client of another account, with its own simulator."""
    async with simulator, simulator.client() as client:
        yield client


def _poor(_: Simulator) -> AbstractAsyncContextManager[Client]:
    return _at(Simulator(balance=Decimal(0)))


def _slow(_: Simulator) -> AbstractAsyncContextManager[Client]:
    # Its time stands still, so that the second message comes too soon on the busiest machine.
    return _at(Simulator(rate=1, monotonic=lambda: 0.0))
