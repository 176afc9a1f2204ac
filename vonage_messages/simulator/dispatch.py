"""
What the simulator tells its user's webhooks: which message gets which callbacks, to which URL, in which shape.

It joins the pure parts (``delivery``, ``statuses``, ``people``) to the schedule and the sender of callbacks, and knows
the settings: the webhooks of the application and of the account, and the numbers that are to fail. A message fares the
same whether anybody listens or not.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections import deque
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import uuid4

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator.callbacks import Callback, CallbackTry, checked_webhook_url
from vonage_messages.simulator.delivery import CHANNELS_THAT_TELL_READ, Delivery, Failure, Step, timeline
from vonage_messages.simulator.draws import Draws
from vonage_messages.simulator.faults import Moment, Target
from vonage_messages.simulator.habits import CHANNELS, deed, read_after
from vonage_messages.simulator.parts import parts_of
from vonage_messages.simulator.people import inbound_v0_1, inbound_v1
from vonage_messages.simulator.state import ReceivedMessage, StatusNote, instant
from vonage_messages.simulator.statuses import Chain, Happened, Outbound, status_v0_1, status_v1
from vonage_messages.values import Seconds

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from vonage_messages.simulator.balance import Balance
    from vonage_messages.simulator.callbacks import CallbackSender
    from vonage_messages.simulator.faults import Faults
    from vonage_messages.simulator.habits import Deed, Habit, People
    from vonage_messages.simulator.people import Written
    from vonage_messages.simulator.provider_limits import ProviderLimits
    from vonage_messages.simulator.schedule import Schedule
    from vonage_messages.simulator.state import SimulatorState

_LOGGER = logging.getLogger(__name__)

_NO_CREDIT = 1070
"""Prepaid credit exhausted (API v0.1, error codes)."""
_TTL_OF_RCS: Final[Seconds] = 259_200
"""Messages API v1, section 3: the default of ``ttl``."""

MOST_FAILURES: Final = 10_000
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


@attrs.define(eq=False)
class _Outlet:
    """The callbacks of one message, and of its failover chain, that wait for those before them."""

    waiting: deque[Callback] = attrs.field(factory=deque)
    busy: bool = False


@attrs.define(kw_only=True, eq=False)
class _Way:
    """How far a message has come."""

    first: ReceivedMessage
    """The message itself, or the one whose failover chain it belongs to."""
    message: ReceivedMessage
    chain: Chain | None
    outlet: _Outlet | None = None
    """There is one from the first callback on."""
    begun_at: float = 0.0
    """Unix seconds."""
    failure: Failure | None = None
    """What keeps it from arriving, where that is known before it leaves."""
    steps: tuple[Step, ...] = ()
    taken: int = 0
    """How many of the steps have happened."""


class Dispatch:
    """Lets accepted messages fare, and turns that and what people write into callbacks."""

    def __init__(  # noqa: PLR0913  the settings of the simulator, by name
        self,
        sender: CallbackSender,
        *,
        state: SimulatorState,
        schedule: Schedule,
        people: People,
        faults: Faults,
        clock: Callable[[], float],
        balance: Balance,
        provider_limits: ProviderLimits,
        delivery: Delivery,
        signature_secret: str,
        api_key: str,
        application_id: str,
        application: Webhooks,
        account: Webhooks | None,
    ) -> None:
        self._sender = sender
        self._state = state
        self._schedule = schedule
        self.on_deed: Callable[[ReceivedMessage, Deed], object] = _nobody_acts
        """Is told when a person does something with a message."""
        self.people = people
        """What people do with what reaches them."""
        self._faults = faults
        self._clock = clock
        self._balance = balance
        self._provider_limits = provider_limits
        self.delivery = delivery
        """How messages fare."""
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
        """
        Let messages fail from now on: those to a recipient, on a channel, or (both ``None``) all.

        Raises:
            ConfigurationError: 10,000 recipients and channels fail already.
        """
        if (to, channel) not in self._failures and len(self._failures) >= MOST_FAILURES:
            raise ConfigurationError(f"messages fail in {MOST_FAILURES} ways already: let them arrive again first")
        self._failures[to, channel] = failure

    @property
    def failures(self) -> Mapping[tuple[str | None, str | None], Failure]:
        """How messages fail, by recipient and channel."""
        return MappingProxyType(self._failures)

    def recover(self) -> None:
        """Let every message arrive again."""
        self._failures.clear()

    def accepted(self, message: ReceivedMessage) -> None:
        """Let the statuses of an accepted message begin, and have them told where somebody listens."""
        chain = None
        if message.workflow_id is not None:
            chain = Chain(workflow_id=message.workflow_id, number=1, total=1 + len(message.payload["failover"]))
        self._begin(_Way(first=message, message=message, chain=chain))

    def write(
        self, written: Written, *, version: str | None, signature_secret: str | None
    ) -> asyncio.Future[CallbackTry] | None:
        """
        Send what a person writes to the application; the future gives the first try.

        ``None`` where there is no ``inbound_url``: then nobody is called, but the message is checked all the same.

        Raises:
            SimulatorError: the platform sends no such message.
        """
        settings = self.application
        write = inbound_v1 if (version or settings.version) == "v1" else inbound_v0_1
        payload = write(written)
        if settings.inbound_url is None:
            return None
        return self._sender.begin(
            Callback(
                kind="inbound",
                message_uuid=written.message_uuid,
                url=settings.inbound_url,
                payload=payload,
                signature_secret=signature_secret or self._signature_secret,
                api_key=self._api_key,
                application_id=self._application_id,
            )
        )

    def _begin(self, way: _Way) -> None:
        """Decide what becomes of a message, and let it begin."""
        message = way.message
        channel = _v1_channel(message.channel)
        number = next(self._numbers)
        delivery = self._delivery_of(message, channel)
        failure = way.failure or self._failure_of(message.to, channel) or self._refusal_of(message, channel)
        ttl = _ttl(message)
        habit = self.people.of(message.to, channel)
        way.begun_at = self._clock()
        if habit is None:
            way.steps = timeline(delivery, number, channel=channel, failure=failure, ttl=ttl)
        else:
            draws = Draws(f"{delivery.seed}/{number}/person")
            reads_after = read_after(habit, draws)
            way.steps = timeline(delivery, number, channel=channel, failure=failure, ttl=ttl, reads_after=reads_after)
            self._expect(way, habit, draws, reads_after or 0.0)
        self._plan(way)

    def _expect(self, way: _Way, habit: Habit, draws: Draws, reads_after: Seconds) -> None:
        """Let the person do what is their habit, once they have read the message."""
        message = way.message
        channel = _v1_channel(message.channel)
        told = {step.status: step.happens_after for step in way.steps}
        read = told.get("read")
        if read is None and "delivered" in told and channel not in CHANNELS_THAT_TELL_READ:
            read = told["delivered"] + reads_after
        if read is None or read == math.inf or channel not in CHANNELS:
            return
        done = deed(habit, draws, channel, message.payload if message.version == "v1" else {})
        if done is not None and not self._schedule.add(
            way.begun_at + read + done.after, partial(self.on_deed, message, done)
        ):
            _LOGGER.warning(
                "too many messages are still on their way: one more gets no answer",
                extra=about(LogEvent.SIMULATOR_FULL),
            )

    def _delivery_of(self, message: ReceivedMessage, channel: str) -> Delivery:
        """Say how a message fares: like every other, unless a fault lets its statuses leave in another order."""
        if not self._faults:
            return self.delivery
        target = Target(
            path=urlsplit(self._status_url(message) or "").path, channel=channel, to=message.to, from_=message.from_
        )
        struck = self._faults.first(Moment.STATUSES, target)
        return self.delivery if struck is None else attrs.evolve(self.delivery, overtaken_share=1.0)

    def _plan(self, way: _Way) -> None:
        """Let the next step of *way* happen when it is due."""
        due = way.begun_at + way.steps[way.taken].leaves_after
        if not self._schedule.add(due, partial(self._happen, way)):
            _LOGGER.warning(
                "too many messages are still on their way: one more gets no status",
                extra=about(LogEvent.SIMULATOR_FULL),
            )

    def _happen(self, way: _Way) -> None:
        step = way.steps[way.taken]
        way.taken += 1
        at = way.begun_at + step.happens_after
        self._state.add_status(way.message.message_uuid, StatusNote(status=step.status, at=instant(at), code=step.code))
        self._tell(way, step, at)
        if way.taken < len(way.steps):
            self._plan(way)
        elif step.status == "rejected":
            self._fall_back(way)

    def _fall_back(self, way: _Way) -> None:
        """Send the next message of a failover chain, as a message of its own."""
        chain = way.chain
        if chain is None or chain.number >= chain.total:
            return
        first = way.first
        item = first.payload["failover"][chain.number - 1]
        message = attrs.evolve(
            first,
            message_uuid=str(uuid4()),
            channel=item["channel"],
            message_type=item["message_type"],
            to=item["to"],
            from_=item["from"],
            client_ref=item.get("client_ref"),
            payload=item,
            received_at=instant(self._clock()),
            updates=(),
            failover_of=first.message_uuid,
        )
        self._state.add_message(message)
        further = attrs.evolve(chain, number=chain.number + 1)
        failure = None if self._balance.charge(parts_of(item)) else Failure(code=_NO_CREDIT)
        self._begin(_Way(first=first, message=message, chain=further, outlet=way.outlet, failure=failure))

    def _tell(self, way: _Way, step: Step, at: float) -> None:
        """Hand a status over to the webhook that hears of it, behind the ones before it."""
        message = way.message
        url = self._status_url(message)
        if url is None:
            return
        version = message.payload.get("webhook_version") or self._settings(message).version
        write = status_v1 if version == "v1" else status_v0_1
        happened = Happened(status=step.status, at=at, code=step.code, price=self._balance.price, instance=uuid4().hex)
        outlet = way.outlet = way.outlet or _Outlet()
        outlet.waiting.append(
            Callback(
                kind="status",
                message_uuid=message.message_uuid,
                url=url,
                payload=write(_outbound(message, way.chain), happened),
                signature_secret=self._signature_secret,
                api_key=self._api_key,
                application_id=self._application_id if message.sent_by == "application" else None,
            )
        )
        if not outlet.busy:
            outlet.busy = self._sender.run(self._empty(outlet)) is not None

    async def _empty(self, outlet: _Outlet) -> None:
        """Send what waits in *outlet*, one after the other: what is repeated holds up what comes behind it."""
        try:
            while outlet.waiting:  # ends: a message has a few statuses
                await self._sender.send(outlet.waiting.popleft())
        finally:
            outlet.busy = False

    def _settings(self, message: ReceivedMessage) -> Webhooks:
        if message.sent_by == "account" and self.account is not None:
            return self.account
        return self.application

    def _status_url(self, message: ReceivedMessage) -> str | None:
        """Find where a status goes: the URL of the message itself comes first (Webhooks, section 1)."""
        return message.payload.get("webhook_url") or self._settings(message).status_url

    def _refusal_of(self, message: ReceivedMessage, channel: str) -> Failure | None:
        """Ask the provider's limits, which count a message that nothing else keeps from arriving."""
        code = self._provider_limits.refused(channel, message.message_type, message.from_, message.to, self._clock())
        return None if code is None else Failure(code=code)

    def _failure_of(self, to: str, channel: str) -> Failure | None:
        """Find how a message fails; the most precise setting counts."""
        if not self._failures:
            return None
        for key in ((to, channel), (to, None), (None, channel), (None, None)):
            if key in self._failures:
                return self._failures[key]
        return None


def _nobody_acts(_message: ReceivedMessage, _done: Deed) -> None:
    """Stand where nobody lets people write."""


def _ttl(message: ReceivedMessage) -> Seconds | None:
    """Find how long a message may take until it is delivered; ``None`` where that is not said."""
    holder = message.payload if message.version == "v1" else message.payload["message"]
    options = holder.get("viber_service" if message.version == "v1" else "viber_service_msg")
    ttl = options.get("ttl") if isinstance(options, dict) else holder.get("ttl")
    if ttl is None and message.channel == "rcs":
        return _TTL_OF_RCS
    return ttl if isinstance(ttl, int) else None


def _v1_channel(channel: str) -> str:
    return "viber_service" if channel == "viber_service_msg" else channel


def _outbound(message: ReceivedMessage, chain: Chain | None) -> Outbound:
    return Outbound(
        message_uuid=message.message_uuid,
        channel=_v1_channel(message.channel),
        message_type=message.message_type,
        to=message.to,
        from_=message.from_,
        client_ref=message.client_ref,
        parts=parts_of(message.payload),
        chain=chain,
    )
