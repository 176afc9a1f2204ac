"""
Watching attempts: the events that observers get, the log lines, and the place of what watches a whole process.

An attempt is one HTTP request. Every observer sees it before and after, always as a pair, also when it is cancelled.
Events and log lines carry no text of a message, no credential, and numbers only masked. Metrics and traces of
particular systems stand in ``vonage_messages.telemetry``, which puts itself in here while it is wanted: whoever sends,
queues or receives looks for it here, and finds ``None`` otherwise.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import attrs

from vonage_messages.errors import APIError, ConfigurationError, UnexpectedResponseError
from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from contextvars import Context

    from vonage_messages.channels.base import Message
    from vonage_messages.values import Seconds
    from vonage_messages.wire.rest import SentMessage

logger = logging.getLogger("vonage_messages")


@attrs.frozen(kw_only=True)
class AttemptStarted:
    """A request is about to be made."""

    operation: str
    """``send``, ``mark_read`` or ``revoke``; of the managing clients what they ask for, such as ``list_accounts``."""

    method: str
    url: str
    """With the id of an external account masked where it is a number."""

    attempt: int
    """1 for the first request of a call, 2 for its first repetition, and so on."""

    channel: str | None = None
    message_type: str | None = None
    to: str | None = None
    """The recipient, masked."""

    client_ref: str | None = None
    correlation_id: str = ""
    """What all attempts of a call share: the ``client_ref``, or a name that was made up for the call."""


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
        return bool(self._observers) or telemetry is not None or logger.isEnabledFor(logging.DEBUG)

    def now(self) -> Observers:
        """Give those who see one attempt from its beginning to its end: whoever watches the whole process, too."""
        if telemetry is None:
            return self
        all_of_us = Observers()
        all_of_us._observers = (*self._observers, telemetry)
        all_of_us._broken = self._broken
        return all_of_us

    def before_attempt(self, event: AttemptStarted) -> None:
        """Log the start of an attempt and tell every observer."""
        if logger.isEnabledFor(logging.DEBUG):  # what goes with a record is not made for nobody
            _log_start(event)
        for observer in self._observers:
            self._tell(observer, observer.before_attempt, event)

    def after_attempt(self, event: AttemptFinished) -> None:
        """Log the end of an attempt and tell every observer."""
        if logger.isEnabledFor(logging.DEBUG):
            _log_end(event)
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
            extra=about(LogEvent.OBSERVER_FAILED),
        )
        logger.debug(
            "what observer %s raised", type(observer).__name__, exc_info=error, extra=about(LogEvent.OBSERVER_FAILED)
        )


class SendScope(Protocol):
    """The sending of one message by whoever waits for it: entered before, left behind it, with or without an error."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object, /) -> None:
        """End, unless it was accepted: with *error*."""

    def accepted(self, sent: SentMessage, /) -> None:
        """Note that the platform has accepted the message."""


class QueuedSend(Protocol):
    """The sending of one message by a queue: it knows who has submitted it."""

    def around(self, attempt: Awaitable[SentMessage], /) -> Awaitable[SentMessage]:
        """Make one attempt at it."""

    def end(self, sent: SentMessage | None, error: BaseException | None, /, *, attempts: int, waited: Seconds) -> None:
        """Note what has become of it."""


class WebhookScope(Protocol):
    """The handling of one callback: entered before it is looked at, left when it is answered."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object, /) -> None:
        """End."""

    def genuine(self, event: Any, /) -> None:
        """Note which event it is."""

    def answered(self, status: int, /) -> None:
        """Note the HTTP status of the answer."""


class JobScope(Protocol):
    """The work on one job of an engine."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object, /) -> None:
        """End."""

    def unfinished(self) -> None:
        """Note that the job will come again, which is no failure, whatever ends it now."""


class Telemetry(Observer, Protocol):
    """What watches everything that this process sends and receives. It never raises, and never waits."""

    def sending(self, message: Message, /) -> SendScope:
        """Watch a message being sent by whoever calls this."""

    def queued(self, message: Message, /) -> QueuedSend:
        """Watch a message that whoever calls this lets wait."""

    def webhook(self) -> WebhookScope:
        """Watch a callback."""

    def handled(self, handler: Callable[[Any], Awaitable[object]], event: Any, /) -> Awaitable[object]:
        """Call a handler, and watch it."""

    def traceparent(self) -> str | None:
        """Write down what goes on where this is called, for another process or another day (W3C Trace Context)."""

    def apart(self) -> Context:
        """Give the variables of the caller's context for a task that belongs to no span of the caller's."""

    def job(self, name: str, queue: str, traceparent: str | None, /) -> JobScope:
        """Watch a job that was given away where *traceparent* was written down."""


class Queue(Protocol):
    """A queue, as far as it is counted."""

    def __len__(self) -> int:
        """Count the messages that wait."""

    @property
    def sending(self) -> int:
        """How many requests are under way."""


class Receiver(Protocol):
    """A receiver of webhooks, as far as what it does not know is counted."""

    @property
    def drift(self) -> Iterable[tuple[str, str, int]]:
        """What callbacks held that this version does not know: the kind, the name, and how many events held it."""


LivingT = TypeVar("LivingT")


class Living(Generic[LivingT]):
    """The objects of one kind that are alive; metrics look at them in threads of their own."""

    def __init__(self) -> None:
        self._objects: weakref.WeakSet[LivingT] = weakref.WeakSet()
        self._lock = threading.Lock()

    def add(self, newcomer: LivingT) -> None:
        """Count one more, for as long as it lives."""
        with self._lock:
            self._objects.add(newcomer)

    def __iter__(self) -> Iterator[LivingT]:
        with self._lock:
            return iter(list(self._objects))


telemetry: Telemetry | None = None
"""What watches this process. Ask the module each time (``observe.telemetry``): it may come and go."""

queues: Living[Queue] = Living()
"""The queues of this process."""

receivers: Living[Receiver] = Living()
"""Its receivers of webhooks."""


def traceparent() -> str | None:
    """Write down what goes on in the caller, where anything watches."""
    return None if telemetry is None else telemetry.traceparent()


def status_of(error: BaseException | None) -> int | None:
    """Give the HTTP status that an error came with, if any."""
    if isinstance(error, (APIError, UnexpectedResponseError)):
        return error.status or None
    return None


def _log_start(event: AttemptStarted) -> None:
    logger.debug(
        "%s, attempt %d: %s %s%s",
        event.operation,
        event.attempt,
        event.method,
        event.url,
        _subject(event),
        extra=about(LogEvent.ATTEMPT_STARTED, event),
    )


def _log_end(event: AttemptFinished) -> None:
    logger.debug(
        "%s, attempt %d: %s in %.1f ms, request id %s",
        event.started.operation,
        event.started.attempt,
        _outcome(event),
        event.duration * 1000,
        event.request_id,
        extra=about(LogEvent.ATTEMPT_FINISHED, event, event.started),
    )


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
