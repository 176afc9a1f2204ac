"""
What becomes of a message whose turn has come: it leaves when the limits allow it, and is settled, or goes back to wait.

What is decided stands in ``sending.repetition``: what goes again, and whether to ask at all. ``Client.attempt`` makes
the requests, one for each turn: a repetition pays for its place like everything else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from vonage_messages.channels.base import Message
from vonage_messages.confirming import Passage
from vonage_messages.errors import (
    APIError,
    CircuitOpenError,
    QueueError,
    ResponseLostError,
    StoreUnavailableError,
    TransportError,
    UnexpectedResponseError,
    VonageMessagesError,
)
from vonage_messages.limits.departures import Hold
from vonage_messages.limits.levels import shown
from vonage_messages.limits.places import Place
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.endings import Endings, is_wanted, lost_within
from vonage_messages.sending.listening import Listener, is_cancelled
from vonage_messages.sending.outcome import Outcome, SendFuture, too_late
from vonage_messages.sending.repetition import Repetition
from vonage_messages.sending.stream import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.confirming import Confirming
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.departures import Departures
    from vonage_messages.values import Seconds
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage

logger = logging.getLogger("vonage_messages")


class RequestingOptions(TypedDict):
    """What attempts are made with, beside their client."""

    limiter: Limiter
    maxsize: int
    before_send: Callable[[Message], Awaitable[object]] | None
    on_return: Callable[[Message, VonageMessagesError], object] | None
    on_outcome: Callable[[Outcome], object] | None
    retry: RetryPolicy
    max_outage: Seconds
    api_version: ApiVersion | None


class Requesting(Endings):
    """Leave when the limits allow it, make the request, and see to what comes of it."""

    def __init__(self, client: Client, **options: Unpack[RequestingOptions]) -> None:
        super().__init__(limiter=options["limiter"], maxsize=options["maxsize"], on_outcome=options["on_outcome"])
        self._client = client
        self._confirming = self._turns.confirming
        self._before_send = options["before_send"]
        self._on_return = Listener("on_return", options["on_return"], self._note_if_quiet)
        self._api_version = options["api_version"]
        self._repetition = Repetition(options["retry"], self._turns, self._counters, options["max_outage"])
        self._circuit = self._repetition.circuit
        self._cancelled = False

    @abstractmethod
    def _pump_soon(self) -> None:
        """Look for messages that may leave at the next turn of the loop."""

    @property
    def _departures(self) -> Departures | None:
        return None if self._schedule is None else self._schedule.state.departures

    async def _send(self, place: Place) -> None:  # noqa: C901  what wakes a request goes through every coroutine
        """Make one request for a message, and see to what comes of it."""
        outcome, is_begun = None, False
        try:
            if self._before_send is not None:
                outcome = await self._ask_before_send(place)
            if outcome is None and self._departures is not None:
                outcome = await self._depart(place, self._departures)
            if outcome is None and self._confirming is not None:
                outcome = await self._depart_on_time(place, place.options)
            if outcome is None:
                is_begun = True
                place.attempts += 1
                self._counters.count_attempt(self._clock())
                try:
                    request = self._client.attempt(place.message, api_version=self._api_version)
                    sent = await (self._traced(place, request) if self._traces else request)
                except Exception as error:  # noqa: BLE001  a connection goes on, whatever it is
                    outcome = await self._after_failure(place, error)
                except asyncio.CancelledError as error:
                    if is_cancelled():
                        raise
                    outcome = await self._repeat_or_settle(place, lost_within(error))
                else:
                    outcome = self._accept(place, sent)
        except BaseException:  # the loop shuts down
            self._lose(place, is_begun=is_begun)
            self._halt()
            raise
        self._sending -= 1
        if outcome is not None and self._on_outcome:
            await self._tell(outcome)
        if not self._sending:
            self._note_if_quiet()

    def _traced(self, place: Place, request: Awaitable[SentMessage]) -> Awaitable[SentMessage]:
        """Make a request for whoever has submitted the message."""
        trace = self._traces.get(place)
        return request if trace is None else trace.around(request)

    async def _tell(self, outcome: Outcome) -> None:
        try:
            await self._on_outcome.tell(outcome)
        except BaseException:  # the loop shuts down
            self._halt()
            raise

    async def _send_when_confirmed(self, place: Place, confirming: Confirming) -> None:
        """Send a message if those who share the limits confirm its turn; otherwise it goes back to wait."""
        passage = Passage(confirming, (*self.schedule.state.account, *place.gates), place.granted_at)
        try:
            is_confirmed = await passage.ask()
        except StoreUnavailableError as error:
            outcome: Outcome | None = self._settle_unused(place, error)
        except BaseException:  # the loop shuts down
            self._lose(place, is_begun=False)
            self._halt()
            raise
        else:
            if is_confirmed:
                place.options = passage
                await self._send(place)
                return
            outcome = self._send_back(place, passage)
        self._sending -= 1
        if outcome is not None and self._on_outcome:
            await self._tell(outcome)
        self._note_if_quiet()

    def _send_back(self, place: Place, passage: Passage) -> Outcome | None:
        """Let a message wait again for which there is no place in the limits that are shared, and others like it."""
        now = self._now()
        self.schedule.give_back(place, now)
        self._circuit.unused()
        if passage.obstacle is not None:
            self._turns.hold(passage.obstacle, passage.opens_at(now) or now)
        return self._put_back(place, now)

    def _lose(self, place: Place, *, is_begun: bool) -> None:
        """Let go of a message whose connection was cancelled: if its request is begun, it may have left."""
        self._sending -= 1
        self.schedule.settle(place)
        error = None
        if is_begun:
            error = ResponseLostError("its task was cancelled while it was being sent: whether it has left is unknown.")
        else:
            self.schedule.give_back(place, self._now())
            self._circuit.unused()
        self._leave_behind(place, error)
        self._note_if_quiet()

    def _accept(self, place: Place, sent: SentMessage) -> Outcome:
        """Note that the platform has accepted a message."""
        was_closed = self._circuit.state == "closed"
        self._repetition.succeeded()
        if not was_closed:
            self._pump_soon()
        self._turns.answered(sent.headers)
        return self._settle(place, sent, None)

    async def _after_failure(self, place: Place, error: Exception) -> Outcome | None:
        """See to what comes of a request that raised *error*; ``None`` where the message went back to wait."""
        if isinstance(error, (APIError, TransportError, UnexpectedResponseError)):
            return await self._repeat_or_settle(place, error)
        if isinstance(error, VonageMessagesError):  # a guard's refusal, say: no request was made
            place.attempts -= 1
            self._counters.uncount_attempt()
            return self._settle_unused(place, error)
        # A fault in the caller's auth function, say: it must not end a connection.
        self._circuit.unused()
        self._pump_soon()
        return self._settle(place, None, error)

    async def _ask_before_send(self, place: Place) -> Outcome | None:
        """Call ``before_send``; where it raises, the places are given back, and that is the outcome."""
        try:
            asked: Any = self._before_send(place.message) if self._before_send is not None else None
            if inspect.isawaitable(asked):
                await asked
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            stopped = QueueError("before_send was cancelled from within: the message was not sent.")
            stopped.__cause__ = error
            return self._settle_unused(place, stopped)
        except Exception as error:  # noqa: BLE001  whatever stops it, the message is not sent and hears of it
            return self._settle_unused(place, error)
        return None

    async def _depart(self, place: Place, departures: Departures) -> Outcome | None:
        """
        Leave no sooner than the limits allow that, whatever ``before_send`` has held up; ``None``: now.

        What has become too late meanwhile is not sent, and neither is what is held back when the queue is cancelled.
        """
        hold = Hold(departures, (*self.schedule.state.account, *place.gates), place.granted_at)
        try:
            now = self._now()
            if place.expires_at <= now:
                return self._settle_unused(place, too_late(place, now, "before_send"))
            while (opens_at := hold.opens_at(now)) is not None:  # ends: with the bunch that it is one of
                if self._cancelled or self._halted:
                    return self._settle_unused(place, None)
                if opens_at >= min(place.expires_at, place.give_up_at):
                    return self._settle_unused(place, too_late(place, opens_at, shown(hold.key)))
                await self._wait_until(opens_at)
                now = self._now()
        finally:
            hold.end()
        if self._turns.is_stored:
            self._turns.left(place)
        return None

    async def _depart_on_time(self, place: Place, passage: Passage) -> Outcome | None:
        """
        Leave at the instant that was confirmed, or at another where it is too late for that; ``None``: now.

        A message that has been marked by ``before_send`` does not go back: it waits here, as one that others hold back.
        """
        while True:  # ends: with the instant, or with the message
            now = self._now()
            if place.expires_at <= now:
                return self._settle_unused(place, too_late(place, now, "before_send"))
            opens_at = passage.opens_at(now)
            if opens_at is None:
                return None
            if self._cancelled or self._halted:
                return self._settle_unused(place, None)
            if opens_at >= min(place.expires_at, place.give_up_at):
                return self._settle_unused(place, too_late(place, opens_at, shown(passage.key)))
            if opens_at > now:
                await self._wait_until(opens_at)
                continue
            try:
                await passage.ask()
            except StoreUnavailableError as error:
                return self._settle_unused(place, error)

    def _settle_unused(self, place: Place, error: BaseException | None) -> Outcome:
        """Note the outcome of a message whose turn had come, and for which no request was made."""
        self.schedule.give_back(place, self._now())
        self._circuit.unused()
        self._pump_soon()  # what was given back may be for others under the same limits
        return self._settle(place, None, error)

    async def _repeat_or_settle(self, place: Place, error: VonageMessagesError) -> Outcome | None:
        """Put a message whose request failed back in its place, or note that as its outcome."""
        was_closed = self._circuit.state == "closed"
        try:
            again_at = self._repetition.again_at(place, error, self._now())
        except CircuitOpenError as outage:
            self.stop(outage)
            return self._settle(place, None, outage)
        except Exception as fault:  # noqa: BLE001  repeat_ambiguous is the user's: whatever it does, the queue goes on
            logger.warning(
                "repeat_ambiguous raised %s: the message is not repeated",
                type(fault).__name__,
                extra=about(LogEvent.LISTENER_FAILED, place.message),
            )
            again_at = None
        over = self._repetition.outage(self._now())
        if over is not None:  # answers that leave everything open, for too long: this one keeps its own
            self.stop(over)
            return self._settle(place, None, error)
        if not was_closed:
            self._pump_soon()  # there may be a probe to be made, or no need of one any more
        if again_at is None:
            return self._settle(place, None, error)
        if error.maybe_sent:
            place.doubt = error
        if self._on_return:
            await self._on_return.tell(place.message, error)
        if logger.isEnabledFor(logging.DEBUG):
            extra = about(LogEvent.SEND_RETRY, place.message, error)
            logger.debug("%s waits again, after %s", place.message.channel, type(error).__name__, extra=extra)
        return self._put_back(place, again_at)

    def _put_back(self, place: Place, again_at: float) -> Outcome | None:
        """Let a message that was not accepted wait again; if nobody waits for it any more, that is its outcome."""
        owner = place.owner
        if self._cancelled or self._halted or (isinstance(owner, (SendFuture, Entry)) and not is_wanted(owner)):
            return self._settle(place, None, None)
        self.schedule.again(place, again_at)
        if isinstance(owner, SendFuture):
            owner._under_way = False if place.doubt is None else None  # noqa: SLF001  a future that the engine made
        self._turns.sleep()
        return None
