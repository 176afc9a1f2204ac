"""
Watching attempts: the events that observers get, and the log lines.

An attempt is one HTTP request. Every observer sees it before and after, always as a pair, also when it is cancelled.
Events and log lines carry no text of a message, no credential, and numbers only masked. Metrics and traces of
particular systems stand in ``vonage_messages.adapters``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs

from vonage_messages.errors import APIError, ConfigurationError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vonage_messages.values import Seconds

logger = logging.getLogger("vonage_messages")


@attrs.frozen(kw_only=True)
class AttemptStarted:
    """A request is about to be made."""

    operation: str
    """``send``, ``mark_read`` or ``revoke``."""

    method: str
    url: str
    attempt: int
    """1 for the first request of a call, 2 for its first repetition, and so on."""

    channel: str | None = None
    message_type: str | None = None
    to: str | None = None
    """The recipient, masked."""


@attrs.frozen(kw_only=True)
class AttemptFinished:
    """A request has been answered, has failed, or was cancelled."""

    started: AttemptStarted
    duration: Seconds
    status: int | None = None
    """The HTTP status, where there was an answer."""

    request_id: str | None = None
    message_uuid: str | None = None
    error: BaseException | None = None
    """Why the attempt failed; ``asyncio.CancelledError`` where the caller gave up."""


class Observer(Protocol):
    """
    What ``Client(observers=[…])`` takes. Both methods run on the event loop and must return at once.

    An observer that raises is logged once and never stops a send.
    """

    def before_attempt(self, event: AttemptStarted, /) -> None:
        """See a request that is about to be made."""

    def after_attempt(self, event: AttemptFinished, /) -> None:
        """See how a request ended."""


EventT = TypeVar("EventT", AttemptStarted, AttemptFinished)


class Observers:
    """
    The observers of one client, and its log.

    Raises:
        ConfigurationError: one of them is no observer.
    """

    __slots__ = ("_broken", "_observers")

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)
        for observer in self._observers:
            _check_observer(observer)
        self._broken: set[int] = set()

    @property
    def watching(self) -> bool:
        """Whether anybody would see an event: an observer, or the log at DEBUG. Without, none need be made."""
        return bool(self._observers) or logger.isEnabledFor(logging.DEBUG)

    def before_attempt(self, event: AttemptStarted) -> None:
        """Log the start of an attempt and tell every observer."""
        logger.debug(
            "%s, attempt %d: %s %s%s", event.operation, event.attempt, event.method, event.url, _subject(event)
        )
        for observer in self._observers:
            self._tell(observer, observer.before_attempt, event)

    def after_attempt(self, event: AttemptFinished) -> None:
        """Log the end of an attempt and tell every observer."""
        logger.debug(
            "%s, attempt %d: %s in %.1f ms, request id %s",
            event.started.operation,
            event.started.attempt,
            _outcome(event),
            event.duration * 1000,
            event.request_id,
        )
        for observer in self._observers:
            self._tell(observer, observer.after_attempt, event)

    def _tell(self, observer: Observer, method: Callable[[EventT], None], event: EventT) -> None:
        try:
            method(event)
        except Exception as error:  # noqa: BLE001  whatever a watcher does, the message goes out
            self._log_once(observer, error)

    def _log_once(self, observer: Observer, error: Exception) -> None:
        if id(observer) in self._broken:
            return
        self._broken.add(id(observer))
        # The words of the exception are the observer's own and may hold anything: they go to DEBUG.
        logger.warning(
            "observer %s raised %s; it is called again, but further failures are not logged",
            type(observer).__name__,
            type(error).__name__,
        )
        logger.debug("what observer %s raised", type(observer).__name__, exc_info=error)


def status_of(error: BaseException | None) -> int | None:
    """Give the HTTP status that an error came with, if any."""
    if isinstance(error, (APIError, UnexpectedResponseError)):
        return error.status or None
    return None


def _check_observer(observer: object) -> None:
    for method in ("before_attempt", "after_attempt"):
        if not callable(getattr(observer, method, None)):
            raise ConfigurationError(
                f"observers must have the methods before_attempt and after_attempt: {type(observer).__name__} lacks "
                f"{method}."
            )


def _subject(event: AttemptStarted) -> str:
    if event.channel is None:
        return ""
    return f" ({event.channel} {event.message_type} to {event.to})"


def _outcome(event: AttemptFinished) -> str:
    status = f"HTTP {event.status}" if event.status is not None else "no answer"
    return status if event.error is None else f"{status}, {type(event.error).__name__}"
