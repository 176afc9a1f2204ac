"""
How a simulator calls back, and lets people write.

The middle one of three floors of the ``Simulator``: below it stand the ``Holdings``, above it is what listens.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vonage_messages.clock import ManualClock, ScaledClock, SystemClock
from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import journal
from vonage_messages.simulator.callbacks import CallbackSender, checked_hosts
from vonage_messages.simulator.delivery import Delivery, Failure
from vonage_messages.simulator.dispatch import Dispatch, Webhooks
from vonage_messages.simulator.habits import People
from vonage_messages.simulator.holdings import Holdings
from vonage_messages.simulator.keeping import CALLBACK, Keeper
from vonage_messages.simulator.schedule import Activity, Schedule
from vonage_messages.simulator.state import KnownInbound, Media, ReceivedMessage, instant
from vonage_messages.simulator.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from vonage_messages.clock import Clock
    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.values import Seconds

_ADVANCE_WITHIN: Seconds = 30.0


class Calling(Holdings):
    """Hands over what becomes of messages and what people write, and lets the time pass in which that happens."""

    _keeper: Keeper | None = None

    def _prepare_calls(
        self,
        *,
        application: Webhooks,
        account: Webhooks | None,
        hosts: Collection[str],
        delivery: Delivery,
        url: Callable[[], str],
    ) -> None:
        """Put together what calls back; *url* tells where the simulator is reached."""
        self._callback_hosts = checked_hosts(hosts)
        application = application.checked(self._callback_hosts)
        clock = self._clock
        waited_for: Clock = clock if isinstance(clock, ManualClock | ScaledClock) else SystemClock()
        self._activity = Activity(waited_for)
        self._schedule = Schedule(waited_for, self._activity, self.state.maximum)
        self._sender = self._new_sender(waited_for)
        self._dispatch = Dispatch(
            self._sender,
            state=self.state,
            schedule=self._schedule,
            people=People(),
            faults=self.faults,
            clock=clock,
            balance=self.balance,
            provider_limits=self._provider_limits,
            delivery=delivery,
            signature_secret=self._signature_secret,
            api_key=self._api_key,
            application_id=self._application_id,
            application=application,
            account=None if account is None else account.checked(self._callback_hosts),
        )
        self._writing = Writing(self._dispatch, self.state, clock, url)
        self._dispatch.on_deed = self._writing.do

    def _new_sender(self, clock: Clock) -> CallbackSender:
        return CallbackSender(
            clock=clock,
            credentials_clock=self._credentials_clock,
            activity=self._activity,
            faults=self.faults,
            hosts=self._callback_hosts,
            maximum=self.state.maximum,
            on_try=self._note_try,
        )

    def _note_try(self, tried: CallbackTry) -> None:
        if self._keeper is not None:
            self._keeper.put(CALLBACK, f"{tried.message_uuid}/{uuid4()}", tried)
        self.state.journal.note(journal.CALLBACK, tried.message_uuid)

    @property
    def webhooks(self) -> Webhooks:
        """
        The webhooks of the application. They may be set while the simulator runs.

        ::

            simulator.webhooks = Webhooks(status_url=url, inbound_url=url)
        """
        return self._dispatch.application

    @webhooks.setter
    def webhooks(self, webhooks: Webhooks) -> None:
        self._dispatch.application = webhooks.checked(self._callback_hosts)
        self.state.journal.note(journal.SETTINGS)

    @property
    def account_webhooks(self) -> Webhooks | None:
        """The webhooks of what is sent with Basic credentials; ``None``: those of the application."""
        return self._dispatch.account

    @property
    def delivery(self) -> Delivery:
        """How messages fare that are accepted from now on. It may be set while the simulator runs."""
        return self._dispatch.delivery

    @delivery.setter
    def delivery(self, delivery: Delivery) -> None:
        self._dispatch.delivery = delivery
        self.state.journal.note(journal.SETTINGS)

    @property
    def callbacks(self) -> list[CallbackTry]:
        """Every try to hand a callback over, with its answer, oldest first."""
        return self._sender.tries

    def callbacks_of(self, message_uuid: str) -> list[CallbackTry]:
        """Give the tries to hand over what one message is about, oldest first."""
        return self._sender.tries_of(message_uuid)

    def clear(self) -> None:
        """
        Forget what arrived, the callbacks so far, and every request that the rate limit has counted.

        What was still to come of it does not come any more: statuses, callbacks and their repetitions, the rest of
        failover chains, the answers of people.
        """
        self._schedule.clear()
        self.state.clear()
        self._sender.clear()
        self._provider_limits.clear()
        if self._limiter is not None:
            self._limiter.clear()

    def fail(self, code: int, *, to: str | None = None, channel: str | None = None, status: str = "rejected") -> None:
        """
        Let messages fail with an error *code* from now on: those to a number, on a channel, or all.

        *channel* is named as in v1. *status* is ``rejected`` or ``undeliverable``. The most precise setting counts.
        The next message of a failover chain goes out when one is rejected.

        Raises:
            ConfigurationError: a message cannot fail with that *status*, or too many are to fail already.
        """
        self._dispatch.fail(Failure(code=code, status=status), to=to, channel=channel)
        self.state.journal.note(journal.FAULTS)

    @property
    def failures(self) -> Mapping[tuple[str | None, str | None], Failure]:
        """How messages fail, by recipient and channel; ``None`` stands for all of them."""
        return self._dispatch.failures

    @property
    def people(self) -> People:
        """
        What people do with what reaches them.

        ::

            simulator.people.add(Reads(after=3), Answers("YES", share=0.2, after=5))
        """
        return self._dispatch.people

    def recover(self) -> None:
        """Let every message arrive again."""
        self._dispatch.recover()
        self.state.journal.note(journal.FAULTS)

    async def inbound(  # noqa: PLR0913  every argument has a default; they are given by name
        self,
        *,
        channel: str | None = None,
        message_type: str = "text",
        from_: str | None = None,
        to: str | None = None,
        reply_to: ReceivedMessage | str | None = None,
        media: bytes | None = None,
        version: str | None = None,
        signature_secret: str | None = None,
        **fields: Any,
    ) -> CallbackTry:
        """
        Let a person write, and wait until the ``inbound_url`` has answered the first try.

        ::

            await simulator.inbound(channel="whatsapp", text="Hello")
            await simulator.inbound(reply_to=simulator.messages[-1], text="Yes, please")

        *reply_to* is a message that arrived here, or its id: its recipient answers it on its channel, and quotes it
        where the channel can. *fields* are members of the body, by their JSON names; what is not given is made up.
        *media* is the file behind an image, a film and so on, which the simulator serves. Another
        *signature_secret* makes it a forgery.

        Raises:
            SimulatorError: the simulator is not running, there is no ``inbound_url``, or the platform sends no such
                message.
        """
        if self._dispatch.application.inbound_url is None:
            raise SimulatorError("there is no inbound_url: give the simulator one, so that it knows where to call")
        _, tried = await self.written(
            channel=channel,
            message_type=message_type,
            from_=from_,
            to=to,
            reply_to=reply_to,
            media=media,
            version=version,
            signature_secret=signature_secret,
            **fields,
        )
        if tried is None:
            raise SimulatorError("the webhooks were changed before the callback left")
        return tried

    async def written(  # noqa: PLR0913  every argument has a default; they are given by name
        self,
        *,
        channel: str | None = None,
        message_type: str = "text",
        from_: str | None = None,
        to: str | None = None,
        reply_to: ReceivedMessage | str | None = None,
        media: bytes | None = None,
        media_type: str = "application/octet-stream",
        media_name: str | None = None,
        version: str | None = None,
        signature_secret: str | None = None,
        **fields: Any,
    ) -> tuple[KnownInbound, CallbackTry | None]:
        """
        Let a person write as ``inbound()`` does, also where there is no ``inbound_url``.

        The message is kept in ``state.inbound`` in any case. Beside it stands the first try to hand it over, ``None``
        where nobody is called. *media_type* is the content type of *media*, *media_name* what the file is
        called.

        Raises:
            SimulatorError: the simulator is not running, or the platform sends no such message.
        """
        known, first = self._writing.write(
            channel=channel,
            message_type=message_type,
            from_=from_,
            to=to,
            answered=self._writing.answered(reply_to),
            file=Media(
                content=b"made up" if media is None else media, content_type=media_type, sent_at=instant(self._clock())
            ),
            version=version,
            signature_secret=signature_secret,
            fields=fields,
            media_name=media_name,
        )
        return known, None if first is None else await _first_try(first)

    async def advance(self, seconds: Seconds) -> None:
        """
        Let *seconds* pass on the ``ManualClock``, and whatever happens in them: statuses, callbacks, repetitions.

        Unlike ``clock.advance``, it waits at each stop until what happens there is done, so that a day of repetitions
        has its instants as the platform's has them.

        Raises:
            SimulatorError: the simulator has another clock, or a webhook takes more than 30 seconds to answer.
            ConfigurationError: *seconds* is negative or no finite number.
        """
        clock = self._clock
        if not isinstance(clock, ManualClock):
            raise SimulatorError("only a ManualClock can be moved: give the simulator one (clock=ManualClock())")
        if not 0 <= seconds < math.inf:
            raise ConfigurationError(f"a clock moves forward by a finite number of seconds, not by {seconds!r}")
        await self.settle(_ADVANCE_WITHIN)
        end = clock() + seconds
        while await clock.wake_next(end):  # ends: sleepers go, or time moves on
            await self.settle(_ADVANCE_WITHIN)
        await clock.advance(max(0.0, end - clock()))
        await self.settle(_ADVANCE_WITHIN)

    async def settle(self, timeout: Seconds = 30.0) -> None:  # noqa: ASYNC109  a span in an error of ours
        """
        Wait until nothing more happens by itself.

        That is: every message has its last status and every callback is handed over, or they wait for the
        ``ManualClock`` to be moved.

        Raises:
            SimulatorError: that is not so after *timeout* seconds.
        """
        await self._activity.settle(timeout)

    def _let_call(self, webhooks: Webhooks) -> None:
        """Take webhooks over from a request: those on other machines are told of, and left alone."""
        self._dispatch.application = webhooks
        self.state.journal.note(journal.SETTINGS)


async def _first_try(first: asyncio.Future[CallbackTry]) -> CallbackTry:
    try:
        return await asyncio.shield(first)
    except asyncio.CancelledError:
        if not first.cancelled():
            raise
        raise SimulatorError("the simulator was stopped or cleared before the callback was answered") from None
