"""
What is asked before a message leaves: whether the recipient wants it, whether it is paid for, whether it looks abused.

A client, a queue or an outbox is given any number of guards. Each may refuse a message, or let it pass and take its
part in what it counts; where the message was certainly not sent, it gets its part back. What a guard refuses has never
left: its errors say neither ``retryable`` without a reason, nor ever ``maybe_sent``.

The guards themselves stand in ``receiving.opt_outs``, ``spending`` and ``pumping``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from vonage_messages.channels.base import Message
from vonage_messages.errors import ConfigurationError, VonageMessagesError

ResultT = TypeVar("ResultT")

Undo: TypeAlias = Callable[[], object]
"""Gives back what a guard has counted for a message that was not sent after all."""


@runtime_checkable
class Guard(Protocol):
    """
    Decides about each message before it leaves. It must not wait.

    Where a message has to wait, it is asked before the wait and again after it: what the first ``admit`` gave is called
    before the second one.
    """

    def admit(self, message: Message, /) -> Undo | None:
        """
        Let *message* pass, or raise.

        What it gives is called if the message was certainly not sent.

        Raises:
            VonageMessagesError: the message must not be sent.
        """


class Guards:
    """
    Several guards, asked one after the other: where one refuses, those before it count nothing.

    Raises:
        ConfigurationError: one of them is no guard.
    """

    __slots__ = ("_guards",)

    def __init__(self, guards: Iterable[Guard]) -> None:
        self._guards = tuple(guards)
        for guard in self._guards:
            if isinstance(guard, type) or not callable(getattr(guard, "admit", None)):
                what = guard.__name__ if isinstance(guard, type) else type(guard).__name__
                raise ConfigurationError(f"guards must be objects such as OptOuts(), not {what}.")

    def admit(self, message: Message) -> list[Undo]:
        """
        Ask every guard.

        Raises:
            VonageMessagesError: what the first one that refuses raises.
        """
        undo: list[Undo] = []
        try:
            for guard in self._guards:
                step = guard.admit(message)
                if step is not None:
                    undo.append(step)
        except BaseException:
            take_back(undo)
            raise
        return undo

    def check(self, message: Message) -> None:
        """
        Ask every guard, and let none of them count anything.

        Raises:
            VonageMessagesError: as ``admit`` does.
        """
        take_back(self.admit(message))

    async def around(self, message: Message, send: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Send *message* if every guard lets it pass; what was certainly not sent is taken back."""
        undo = self.admit(message)
        try:
            return await send()
        except VonageMessagesError as error:
            if not error.maybe_sent:
                take_back(undo)
            raise


class Admission:
    """
    The leave of *guards* for a message that is sent by one request after another, with waits between them.

    It is asked for at once, and ``renew`` asks again before each request: what is counted, is counted for one request.

    Raises:
        VonageMessagesError: what the first guard that refuses raises.
    """

    __slots__ = ("_guards", "_message", "_undo")

    def __init__(self, guards: Guards, message: Message) -> None:
        self._guards = guards
        self._message = message
        self._undo = guards.admit(message)

    def renew(self) -> None:
        """
        Ask every guard again, after a wait: somebody may have opted out meanwhile.

        Raises:
            VonageMessagesError: what the first one that refuses raises. Nothing is counted any more.
        """
        self.withdraw()
        self._undo = self._guards.admit(self._message)

    def keep(self) -> None:
        """Let count what is counted: the request may have been accepted."""
        self._undo = []

    def withdraw(self) -> None:
        """Take back what is counted for a request that certainly was not accepted, or not made."""
        undo, self._undo = self._undo, []
        take_back(undo)


def guards_of(guards: Iterable[Guard]) -> Guards | None:
    """
    Put guards together; ``None`` where there are none, so that nothing has to be asked.

    Raises:
        ConfigurationError: one of them is no guard.
    """
    given = tuple(guards)
    return Guards(given) if given else None


def take_back(undo: Iterable[Undo]) -> None:
    """Give back what was counted, the last first."""
    for step in reversed(tuple(undo)):
        step()
