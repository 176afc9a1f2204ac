"""
What the simulator tells its user's webhooks: which message gets which callbacks, to which URL, in which shape.

It joins the pure parts (``delivery``, ``statuses``, ``people``) to the sender of callbacks, and knows the settings: the
webhooks of the application and of the account, and the numbers that are to fail.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs

from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator.callbacks import Callback, CallbackTry, checked_webhook_url
from vonage_messages.simulator.delivery import Delivery, Failure, timeline
from vonage_messages.simulator.people import inbound_v0_1, inbound_v1
from vonage_messages.simulator.statuses import Chain, Happened, Outbound, status_v0_1, status_v1

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from vonage_messages.simulator.callbacks import CallbackSender
    from vonage_messages.simulator.people import Written
    from vonage_messages.simulator.state import ReceivedMessage

VERSIONS: Final = ("v1", "v0.1")


@attrs.frozen(kw_only=True)
class Webhooks:
    """
    The webhook settings of an application or of an account.

    Without a URL nothing is sent. *version* is the shape of what is sent: ``v1`` or ``v0.1``.

    Raises:
        ConfigurationError: there is no such version.
    """

    status_url: str | None = None
    inbound_url: str | None = None
    version: str = attrs.field(default="v1")

    @version.validator
    def _known(self, _field: attrs.Attribute[str], value: object) -> None:
        if value not in VERSIONS:
            raise ConfigurationError(f"the version of webhooks must be {' or '.join(VERSIONS)}, not {value!r}")

    def checked(self, hosts: frozenset[str]) -> Webhooks:
        """
        Give these settings back.

        Raises:
            ConfigurationError: a URL is on another machine that *hosts* does not name.
        """
        checked_webhook_url(self.status_url, "status_url", hosts)
        checked_webhook_url(self.inbound_url, "inbound_url", hosts)
        return self


class Dispatch:
    """Turns accepted messages and what people write into callbacks."""

    def __init__(  # noqa: PLR0913  the settings of the simulator, by name
        self,
        sender: CallbackSender,
        *,
        clock: Callable[[], float],
        price: Decimal,
        delivery: Delivery,
        signature_secret: str,
        api_key: str,
        application_id: str,
        application: Webhooks,
        account: Webhooks | None,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._price = price
        self._delivery = delivery
        self._signature_secret = signature_secret
        self._api_key = api_key
        self._application_id = application_id
        self._numbers = itertools.count()
        self._failures: dict[tuple[str | None, str | None], Failure] = {}
        self.application = application
        """The webhooks of what is sent with a JWT, and of all that people write."""
        self.account = account
        """The webhooks of what is sent with Basic credentials; ``None``: those of the application."""

    def fail(self, failure: Failure, *, to: str | None, channel: str | None) -> None:
        """Let messages fail from now on: those to a recipient, on a channel, or (both ``None``) all."""
        self._failures[to, channel] = failure

    def recover(self) -> None:
        """Let every message arrive again."""
        self._failures.clear()

    def accepted(self, message: ReceivedMessage) -> None:
        """Begin to tell the statuses of an accepted message, if anybody listens."""
        legs = _legs(message)
        if any(self._status_url(message, leg) for leg, _ in legs):
            self._sender.run(self._tell(message, legs))

    def write(
        self, written: Written, *, version: str | None, signature_secret: str | None
    ) -> asyncio.Future[CallbackTry]:
        """
        Send what a person writes to the application; the future gives the first try.

        Raises:
            SimulatorError: there is no ``inbound_url``, or the platform sends no such message.
        """
        settings = self.application
        if settings.inbound_url is None:
            raise SimulatorError("there is no inbound_url: give the simulator one, so that it knows where to call")
        write = inbound_v1 if (version or settings.version) == "v1" else inbound_v0_1
        callback = Callback(
            kind="inbound",
            message_uuid=written.message_uuid,
            url=settings.inbound_url,
            payload=write(written),
            signature_secret=signature_secret or self._signature_secret,
            api_key=self._api_key,
            application_id=self._application_id,
        )
        return self._sender.begin(callback)

    async def _tell(self, message: ReceivedMessage, legs: list[tuple[Mapping[str, Any], Outbound]]) -> None:
        """Tell the statuses of a message, and of its failover: the next goes out when the one before is rejected."""
        for payload, outbound in legs:
            if await self._tell_one(message, payload, outbound) != "rejected":
                return

    async def _tell_one(self, message: ReceivedMessage, payload: Mapping[str, Any], outbound: Outbound) -> str:
        failure = self._failure_of(outbound)
        accepted_at = self._clock()
        steps = timeline(self._delivery, next(self._numbers), channel=outbound.channel, failure=failure)
        for step in steps:
            await self._sender.wait(max(0.0, accepted_at + step.leaves_after - self._clock()))
            happened = Happened(
                status=step.status,
                at=accepted_at + step.happens_after,
                code=step.code,
                price=self._price,
                instance=uuid4().hex,
            )
            await self._send_status(message, payload, outbound, happened)
        return steps[-1].status

    async def _send_status(
        self, message: ReceivedMessage, payload: Mapping[str, Any], outbound: Outbound, happened: Happened
    ) -> None:
        url = self._status_url(message, payload)
        if url is None:
            return
        version = payload.get("webhook_version") or self._settings(message).version
        write = status_v1 if version == "v1" else status_v0_1
        await self._sender.send(
            Callback(
                kind="status",
                message_uuid=outbound.message_uuid,
                url=url,
                payload=write(outbound, happened),
                signature_secret=self._signature_secret,
                api_key=self._api_key,
                application_id=self._application_id if message.sent_by == "application" else None,
            )
        )

    def _settings(self, message: ReceivedMessage) -> Webhooks:
        if message.sent_by == "account" and self.account is not None:
            return self.account
        return self.application

    def _status_url(self, message: ReceivedMessage, payload: Mapping[str, Any]) -> str | None:
        """Find where a status goes: the URL of the message itself comes first (Webhooks, section 1)."""
        return payload.get("webhook_url") or self._settings(message).status_url

    def _failure_of(self, outbound: Outbound) -> Failure | None:
        """Find how a message fails; the most precise setting counts."""
        to, channel = outbound.to, outbound.channel
        for key in ((to, channel), (to, None), (None, channel), (None, None)):
            if key in self._failures:
                return self._failures[key]
        return None


def _legs(message: ReceivedMessage) -> list[tuple[Mapping[str, Any], Outbound]]:
    """Give the payload and the message of each item of a failover chain: one where there is no failover."""
    payload = message.payload
    items = [payload, *payload.get("failover", ())]
    legs: list[tuple[Mapping[str, Any], Outbound]] = []
    for number, item in enumerate(items, 1):
        chain = None
        if message.workflow_id is not None:
            chain = Chain(workflow_id=message.workflow_id, number=number, total=len(items))
        legs.append((item, _first(message, chain) if number == 1 else _other(item, chain)))
    return legs


def _first(message: ReceivedMessage, chain: Chain | None) -> Outbound:
    content = message.payload.get("message", {}).get("content", {}) if message.version == "v0.1" else message.payload
    return Outbound(
        message_uuid=message.message_uuid,
        channel="viber_service" if message.channel == "viber_service_msg" else message.channel,
        message_type=message.message_type,
        to=message.to,
        from_=message.from_,
        client_ref=message.client_ref,
        text_length=len(content.get("text", "")),
        chain=chain,
    )


def _other(item: Mapping[str, Any], chain: Chain | None) -> Outbound:
    return Outbound(
        message_uuid=str(uuid4()),
        channel=item["channel"],
        message_type=item["message_type"],
        to=item["to"],
        from_=item["from"],
        client_ref=item.get("client_ref"),
        text_length=len(item.get("text", "")),
        chain=chain,
    )
