"""
One run of a failover policy: a message is sent and followed, then the next one, until one of them has arrived.

What a policy is, what it is given, and what it results in stand in ``sending.failover``.

Reference: Messages API v1, sections 13 (revoking) and 14 (errors); Webhooks, section 3.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.clients.credentials import is_unsent
from vonage_messages.errors import (
    APIError,
    ConfigurationError,
    InvalidMessageError,
    NotDeliveredError,
    QueueClosedError,
    ResponseLostError,
    VonageMessagesError,
    WaitTimeoutError,
)
from vonage_messages.logs import LogEvent, about
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.listening import is_cancelled
from vonage_messages.sending.references import Reference
from vonage_messages.values import Seconds
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.wire.rest import SentMessage

if TYPE_CHECKING:
    from vonage_messages.sending.failover import Failover, Submission

_LOGGER = logging.getLogger(__name__)

_CONCERNS_THE_MESSAGE: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""
Refusals of this one message (section 14; 400 is what v0.1 says). Any other one, such as 401, 402, 403 or 429, is
about the account or the pace, and would meet the next message too.
"""

_LOOK_AGAIN: Final[Seconds] = 0.1
"""
How often a message that is being sent, and is no longer wanted, is looked at: refused for its pace (429), it goes back
into its queue and can be taken back there, and the queue tells nobody.
"""

_STORE_AGAIN: Final[Seconds] = 1.0
"""How long to wait before a store that failed is asked again for the statuses of a message."""

_NEVER_READ: Final = frozenset({"sms", "mms"})
"""Channels that never tell ``read`` (Webhooks, section 3): there ``delivered`` is as far as it goes."""


@attrs.define(eq=False)
class RunningLeg:
    """A message of the chain while it is under way."""

    message: Message
    goal: str
    sent: SentMessage | None = None
    status: MessageStatus | None = None
    error: VonageMessagesError | None = None
    revoked: bool = False
    submission: Submission | None = None
    watch: asyncio.Task[None] | None = None

    @property
    def may_be_out(self) -> bool:
        """The platform has it, or may have it."""
        return self.sent is not None or (self.error is not None and self.error.maybe_sent)

    @property
    def is_open(self) -> bool:
        """It was accepted, and may still arrive."""
        return self.sent is not None and self.status is None and self.error is None

    def withdraw(self) -> None:
        """Take it back if it still waits its turn."""
        if self.submission is not None and self.submission.state == "queued":
            self.submission.cancel()


PassOn: TypeAlias = Callable[[RunningLeg], Awaitable[SentMessage]]
"""Gives a message to who sends it; where it waits there, its submission is kept in the leg."""

Revoke: TypeAlias = Callable[[str], Awaitable[object]]
"""Takes a message back, by its id."""

Listen: TypeAlias = Callable[[Message], AbstractContextManager[Reference | None]]
"""Hears of a message by its ``client_ref`` until the block ends."""


class FailoverRun:
    """One run of a policy. Every task that it starts is in ``_tasks``, and ended by ``end``."""

    def __init__(
        self, policy: Failover, tracker: Tracker, pass_on: PassOn, *, revoke: Revoke | None, listen: Listen | None
    ) -> None:
        self._policy = policy
        self._tracker = tracker
        self._pass_on = pass_on
        self._revoke_by = revoke
        self._listen = listen
        self.legs: list[RunningLeg] = []
        """The messages that were tried, in order."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._references = ExitStack()

    async def execute(self) -> VonageMessagesError | None:
        """
        Try one message after another. Gives what broke the chain off before its end, after a message had gone out.

        Raises:
            APIError, TransportError, UnexpectedResponseError, QueueError: it broke the chain off before that.
        """
        error = await self._try_all()
        await self._has_arrived()  # a last look
        winner = self.winner()
        if winner is None:
            return error
        await self._revoke_others(winner)
        return None

    async def _try_all(self) -> VonageMessagesError | None:
        for message in self._policy.messages:
            if await self._has_arrived():
                break
            leg = RunningLeg(message, _goal(message, self._policy.until))
            self.legs.append(leg)
            await self._try(leg)
            if self._is_the_end(leg):
                return await self._broken_off(leg)
        return None

    def winner(self) -> RunningLeg | None:
        """Give the first message that has arrived, in the order of the chain."""
        return next((leg for leg in self.legs if leg.status is not None), None)

    async def end(self) -> None:
        """End every task, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._references.close()

    async def _try(self, leg: RunningLeg) -> None:
        """Send a message, and wait until it has arrived, or failed, or had its time."""
        reference = self._reference(leg)
        await self._send(leg)
        deadline = asyncio.get_running_loop().time() + self._policy.after
        if leg.sent is not None:
            leg.watch = self._start(self._follow(leg, leg.sent))
            await self._revoke_others(leg)
        elif reference is not None and leg.may_be_out:
            leg.watch = self._start(self._find(leg, reference))
        while self.winner() is None and leg.watch is not None and not leg.watch.done():
            # Ends: each round sees the end of a watch, or that of the time.
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                return
            await self._next_change(self._watches(), remaining)

    async def _send(self, leg: RunningLeg) -> None:
        """Send a message; when an earlier one arrives meanwhile, take it back, or wait for what becomes of it."""
        task = self._start(self._hand_over(leg))
        while not task.done() and self.winner() is None:  # ends: each round sees the end of a watch
            await self._next_change({task, *self._watches()}, None)
        while not task.done():  # ends: with the answer
            leg.withdraw()
            await self._next_change({task}, _LOOK_AGAIN)
        if task.cancelled() and self.winner() is not None:
            self._withdrawn(leg)
        elif task.cancelled():
            if is_cancelled():
                raise asyncio.CancelledError
            # Its sender has cancelled it. Nobody has cancelled this call, which may have to tell of other messages.
            leg.error = _cancelled(leg)

    def _withdrawn(self, leg: RunningLeg) -> None:
        if leg.submission is None or not leg.submission.maybe_sent:
            self.legs.remove(leg)  # it was not sent
            return
        # It waited for another attempt. There will be none, and nothing more is learnt of the one before.
        leg.error = ResponseLostError("the message was taken back after an attempt that may have been accepted")

    async def _hand_over(self, leg: RunningLeg) -> None:
        try:
            leg.sent = await self._pass_on(leg)
        except VonageMessagesError as error:
            leg.error = error
        except Exception as error:
            if not self._others_may_be_out(leg):
                raise
            # Raised, it would tell nothing of the message that is on its way, as any other that breaks a chain off.
            leg.error = _told(error)
        except asyncio.CancelledError:
            if leg.submission is not None:
                leg.submission.cancel()
            raise

    async def _find(self, leg: RunningLeg, reference: Reference) -> None:
        """Find a message whose answer was lost, and learn what becomes of it."""
        uuid = await reference.next_uuid(self._is_known)
        leg.sent, leg.error = SentMessage(message_uuid=uuid, client_ref=leg.message.client_ref), None
        await self._follow(leg, leg.sent)

    async def _follow(self, leg: RunningLeg, sent: SentMessage) -> None:
        """Learn what becomes of a message; where the store of the tracker fails, from what comes to this process."""
        while leg.status is None and leg.error is None:  # ends: with a status, or with the chain
            try:
                leg.status = await self._tracker.wait_for(sent, leg.goal)
            except NotDeliveredError as error:
                leg.error = error
            except VonageMessagesError as error:  # the store cannot be reached, refuses, or is closed
                # It must not end the chain: whoever caught it would send again what is on its way.
                _LOGGER.warning(
                    "what other processes hear of a message cannot be read for now: %s",
                    error,
                    extra=about(LogEvent.EVENTS_UNREADABLE, leg.message, sent),
                )
                await asyncio.sleep(_STORE_AGAIN)
                await self._look_here(leg, sent)

    async def _look_here(self, leg: RunningLeg, sent: SentMessage) -> None:
        """Learn what this process has heard of a message by now."""
        try:
            leg.status = await self._tracker.wait_for(sent, leg.goal, timeout=0)
        except NotDeliveredError as error:
            leg.error = error
        except WaitTimeoutError:
            return

    async def _has_arrived(self) -> bool:
        """Look once more at everything that was sent: also at what has failed, which a later status may correct."""
        for leg in self.legs:
            if leg.sent is None or leg.status is not None:
                continue
            try:
                leg.status = await self._tracker.wait_for(leg.sent, leg.goal, timeout=0)
            except (NotDeliveredError, WaitTimeoutError):
                continue
            leg.error = None
        return self.winner() is not None

    def _is_the_end(self, leg: RunningLeg) -> bool:
        """Tell whether nothing may be sent after *leg*."""
        if leg.error is None or leg.sent is not None:
            return False
        if leg.error.maybe_sent:
            return self._policy.on_unknown == "stop"
        return not _concerns_the_message(leg.error)

    async def _broken_off(self, leg: RunningLeg) -> VonageMessagesError | None:
        error = leg.error
        if not await self._has_arrived() and error is not None and not self._others_may_be_out(leg):
            raise error
        return error

    async def _revoke_others(self, leg: RunningLeg) -> None:
        """Take back the RCS messages that *leg* has taken the place of."""
        if self._revoke_by is None:
            return
        for other in self.legs:
            if other is not leg and other.message.channel == "rcs" and other.is_open and not other.revoked:
                other.revoked = await self._revoke(other, self._revoke_by)

    async def _revoke(self, leg: RunningLeg, revoke: Revoke) -> bool:
        """Take a message back; tell whether the platform took the order. It refuses what is delivered by now."""
        uuid = leg.sent.message_uuid if leg.sent is not None else ""
        try:
            await revoke(uuid)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not hide that another message is out
            _LOGGER.warning(
                "message %s could not be revoked: %s",
                uuid,
                type(error).__name__,
                extra=about(LogEvent.REVOKE_FAILED, leg.message, leg.sent, error),
            )
            return False
        return True

    def _reference(self, leg: RunningLeg) -> Reference | None:
        """Listen from before the send: the status may be faster than the error that the answer was lost."""
        return None if self._listen is None else self._references.enter_context(self._listen(leg.message))

    def _is_known(self, uuid: str) -> bool:
        return any(leg.sent is not None and leg.sent.message_uuid == uuid for leg in self.legs)

    def _others_may_be_out(self, leg: RunningLeg) -> bool:
        return any(other.may_be_out for other in self.legs if other is not leg)

    def _watches(self) -> set[asyncio.Task[None]]:
        return {leg.watch for leg in self.legs if leg.watch is not None and not leg.watch.done()}

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    async def _next_change(self, tasks: set[asyncio.Task[None]], span: Seconds | None) -> None:
        """Wait for the end of one of *tasks*, at most *span* seconds; what must not happen there is raised here."""
        done, _ = await asyncio.wait(tasks, timeout=span, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()


def _cancelled(leg: RunningLeg) -> VonageMessagesError:
    """Say that the sender of a message has cancelled it."""
    if leg.submission is not None and not leg.submission.maybe_sent:
        return QueueClosedError("the message was cancelled in its queue: it was not sent.")
    return ResponseLostError("sending it was cancelled from within: whether it has left is unknown.")


def _told(error: Exception) -> VonageMessagesError:
    """Say in an error of this package that somebody else's was raised."""
    name = type(error).__name__
    told: VonageMessagesError = ResponseLostError(f"sending it raised {name}: whether it has left is unknown.")
    if is_unsent(error):
        told = ConfigurationError(f"there were no credentials to send it with: auth= raised {name}. It was not sent.")
    told.__cause__ = error
    return told


def _goal(message: Message, until: str) -> str:
    """Say how far a message must come: no further than its channel tells."""
    return "delivered" if until == "read" and message.channel in _NEVER_READ else until


def _concerns_the_message(error: VonageMessagesError) -> bool:
    """Tell whether another message may fare better than the one that met *error*."""
    if isinstance(error, APIError):
        return error.status in _CONCERNS_THE_MESSAGE
    return isinstance(error, InvalidMessageError)
