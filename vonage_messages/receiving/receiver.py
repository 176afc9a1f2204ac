"""
Runs what a callback asks for: verify, parse, seen, handlers, commit; and says what to answer.

No web framework is in here: an adapter hands over headers and body, and writes the ``Answer``. Which handlers an
event is for is known by the router, what a genuine signature is by the verifier.

Reference: Webhooks, answering and retries: the platform repeats a callback after 429 and 5xx, for 24 hours; any other
answer ends it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeAlias, TypedDict

import attrs

from vonage_messages import observe
from vonage_messages.errors import ConfigurationError, WebhookError
from vonage_messages.logs import LogEvent, about
from vonage_messages.observe import WebhookScope
from vonage_messages.receiving.checks import check_security, checked_positive
from vonage_messages.receiving.drift import Drift
from vonage_messages.receiving.memory import TokenStore
from vonage_messages.values import Seconds, masked
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.parse import parse_webhook
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import Headers, SignatureVerifier, WebhookClaims
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.webhooks.stores import MemorySeenStore, SeenKey, SeenStore, Standing, seen_key

logger = logging.getLogger("vonage_messages")

Event: TypeAlias = InboundMessage | MessageStatus

BODY_LIMIT = 1024 * 1024
"""In bytes. Callbacks of the platform have some kilobytes; no upper bound is documented."""

BODIES_LIMIT = 64 * 1024 * 1024
"""In bytes, for all bodies together that are being read: whoever sends them needs no secret for that."""

_PROBLEM = "application/problem+json"
_NO_ROOM = "the service is closing, or has no room right now"


class Mode(StrEnum):
    """When a callback is answered."""

    RUN_FIRST = "run_first"
    """After its handlers: an error in one answers 500, and the platform sends the callback again."""

    ACKNOWLEDGE_FIRST = "acknowledge_first"
    """Before its handlers, which run in a task of the receiver: an error in one is only told to ``on_error``."""


class Verdict(StrEnum):
    """What ``on_error`` decides about an event whose handler failed (``Mode.RUN_FIRST``)."""

    RETRY = "retry"
    """Answer 500: the platform sends the callback again, and every handler of it runs again."""

    DROP = "drop"
    """Answer 200 and count the event as handled."""


OnError: TypeAlias = Callable[[Event, Exception], Awaitable[Verdict | None]]
"""An async function that gets the event and what its handler raised. ``None`` means ``Verdict.RETRY``."""


@attrs.frozen(kw_only=True)
class Answer:
    """What to answer a callback with. The body is empty, or a problem document (RFC 7807)."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None


class ReceiverOptions(TypedDict, total=False):
    """The options of a ``Receiver``, for what makes one; see there."""

    verifier: SignatureVerifier | None
    insecure: bool
    seen: SeenStore | None
    tokens: TokenStore | None
    mode: str
    on_error: OnError | None
    max_running: int
    body_limit: int
    bodies_limit: int
    read_timeout: Seconds
    drift: Drift | None


class Receiver:
    """
    Takes callbacks of one service, from whatever framework, and runs the handlers of *router*.

    *verifier* checks signatures. To run without one, on a loopback interface say, write ``insecure=True``: anybody
    who reaches the URL can then make your handlers believe anything.

    *seen* remembers what was handled, and *tokens* the ids of signatures, in this process unless given: where several
    receive, give both, such as a ``PostgresWebhookStore`` or a ``RedisWebhookStore``. *mode* is ``"run_first"`` or
    ``"acknowledge_first"``. The handlers of an event run one after another; the first error ends them. In
    ``run_first`` all of them run again when the platform repeats the callback, so a handler before the failing one
    should bear that. *on_error* hears of every error and decides, see ``Verdict``.

    A handler outlives the connection of its callback: it is not cancelled when the platform hangs up (it waits 15
    seconds for an answer). At most *max_running* callbacks are worked on at a time; one more is answered 503, and
    comes again. *body_limit* is in bytes, *read_timeout* bounds ``receive_stream`` in seconds. *drift* counts what
    callbacks hold that this version does not know: give one to receivers that should count together.

    ::

        receiver = Receiver(router, verifier=SignatureVerifier(secret))
        answer = await receiver.receive(headers, body)

    Raises:
        ConfigurationError: there is no verifier and no ``insecure=True``, or an option does not fit.
    """

    def __init__(  # noqa: PLR0913  one router; what follows are options, by name
        self,
        router: Router,
        *,
        verifier: SignatureVerifier | None = None,
        insecure: bool = False,
        seen: SeenStore | None = None,
        tokens: TokenStore | None = None,
        mode: str = Mode.RUN_FIRST,
        on_error: OnError | None = None,
        max_running: int = 1000,
        body_limit: int = BODY_LIMIT,
        bodies_limit: int = BODIES_LIMIT,
        read_timeout: Seconds = 15,
        drift: Drift | None = None,
    ) -> None:
        if not isinstance(router, Router):
            raise ConfigurationError(f"a receiver needs a Router, not {type(router).__name__}.")
        check_security(verifier, insecure=insecure)
        self._router = router
        self._verifier = verifier
        self._seen = MemorySeenStore() if seen is None else seen
        self._tokens = tokens
        self._mode = _checked_mode(mode)
        self._on_error = on_error
        self._max_running = checked_positive(max_running, "max_running")
        self._body_limit = checked_positive(body_limit, "body_limit")
        self._bodies_limit = checked_positive(bodies_limit, "bodies_limit")
        self._read_timeout = checked_positive(read_timeout, "read_timeout")
        self._drift = Drift() if drift is None else drift
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reading = 0
        self._held = 0
        """Bytes of all bodies that are being read."""
        self._closing = False
        observe.receivers.add(self)

    @property
    def running(self) -> int:
        """How many callbacks, and handlers in the background, are being worked on."""
        return len(self._tasks)

    @property
    def drift(self) -> Drift:
        """The unknown names that were seen in events, counted each time that one was handed to its handlers."""
        return self._drift

    async def receive_stream(self, headers: Headers, chunks: AsyncIterable[bytes]) -> Answer:
        """
        Read the body of a callback and receive it. No more is read than the body limit and the time limit allow.

        A body that cannot be read, because of a broken encoding say, is answered 400. One for which there is no room is
        not read at all, or no further. A ``ConnectionError`` goes through: there is nobody left to answer.
        """
        if self._is_full() or self._reading >= self._max_running:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, _NO_ROOM)
        body = bytearray()
        self._reading += 1
        try:
            refusal = await self._read(chunks, body)
        finally:
            self._reading -= 1
            self._held -= len(body)
        return refusal or await self.receive(headers, bytes(body))

    async def _read(self, chunks: AsyncIterable[bytes], body: bytearray) -> Answer | None:
        """Read into *body*, and count it; an answer where that cannot be done."""
        try:
            async with asyncio.timeout(self._read_timeout):
                async for chunk in chunks:
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > self._body_limit:
                        break
                    if self._held > self._bodies_limit:
                        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "too much is being received right now")
        except TimeoutError:
            # Not 408: the platform sends nothing again after a 4xx, and the event may well be genuine.
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the body did not arrive in time")
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  every framework has errors of its own for this
            return _refused(HTTPStatus.BAD_REQUEST, f"the body cannot be read ({type(error).__name__})")
        return None

    async def receive(self, headers: Headers, body: bytes) -> Answer:
        """
        Work on one callback and say what to answer.

        *headers* are those of the request, *body* is its raw body. Nothing is raised but a cancellation, and that
        does not reach the handlers. A callback that is refused leaves one line in the log.
        """
        if observe.telemetry is None:
            return await self._receive(headers, body, None)
        with observe.telemetry.webhook() as webhook:
            answer = await self._receive(headers, body, webhook)
            webhook.answered(answer.status)
            return answer

    async def _receive(self, headers: Headers, body: bytes, webhook: WebhookScope | None) -> Answer:
        refusal = self._refusal(headers, body)
        if refusal is not None:
            return refusal
        try:
            claims = self._verifier.verify(headers, body) if self._verifier is not None else None
        except WebhookError as error:
            return _refused(HTTPStatus(error.status), str(error))
        if claims is not None and claims.repeated:
            return Answer()
        # In a task of its own, so that a hang-up between two steps leaves neither half a handling nor half a commit.
        return await _answer_of(self._supervised(self._work_on(body, claims, webhook)))

    async def _work_on(self, body: bytes, claims: WebhookClaims | None, webhook: WebhookScope | None) -> Answer:
        refusal = await self._refused_token(claims)
        if refusal is not None:
            return refusal
        try:
            event = parse_webhook(body)
        except WebhookError as error:
            self._forget_token(claims)
            return _refused(HTTPStatus(error.status), str(error))
        if webhook is not None:
            webhook.genuine(event)
        return await self._handle(event, seen_key(event, body), claims)

    async def _refused_token(self, claims: WebhookClaims | None) -> Answer | None:
        """Refuse a token whose id came with another body before, in whatever process."""
        if self._tokens is None or claims is None:
            return None
        try:
            fresh = await self._tokens.note_token(claims.api_key, claims.token_id, claims.payload_hash)
        except Exception as error:  # noqa: BLE001  whatever a store raises, the callback must come again
            self._forget_token(claims)
            return _store_failed(error)
        if fresh:
            return None
        self._forget_token(claims)
        return _refused(HTTPStatus.UNAUTHORIZED, "jti: the id of this token was used before, with another body")

    def _refusal(self, headers: Headers, body: bytes) -> Answer | None:
        """Say no to what need not be looked into."""
        if len(body) > self._body_limit:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {self._body_limit} bytes")
        if not _is_json(headers):
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type is not application/json")
        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, _NO_ROOM) if self._is_full() else None

    def _is_full(self) -> bool:
        return self._closing or len(self._tasks) >= self._max_running

    async def close(self, timeout: Seconds = 10.0) -> None:  # noqa: ASYNC109  a span for the drain, not for the caller
        """
        Refuse callbacks from now on (503: they come again), and let the handlers that run finish.

        What still runs after *timeout* seconds is cancelled; in ``run_first`` its callback comes again. May be
        called twice.
        """
        self._closing = True
        # A callback that is being taken over adds a task of its own while it is waited for: hence the loop.
        deadline = asyncio.get_running_loop().time() + timeout
        while self._others():
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            await asyncio.wait(self._others(), timeout=remaining)
        await self._cancel_rest()

    def _others(self) -> set[asyncio.Task[Any]]:
        """List the tasks, without the one that asks: a handler may close its own receiver."""
        return self._tasks - {asyncio.current_task()}

    async def _cancel_rest(self) -> None:
        rest = self._others()
        if not rest:
            return
        logger.warning(
            "%d webhook handlers did not finish in time and are cancelled",
            len(rest),
            extra=about(LogEvent.WEBHOOK_HANDLERS_CANCELLED),
        )
        for task in rest:
            task.cancel()
        # A handler that swallows its cancellation must not hold up the shutdown for good.
        await asyncio.wait(rest, timeout=1)

    def _supervised(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _handle(self, event: Event, key: SeenKey, claims: WebhookClaims | None) -> Answer:
        try:
            standing = await self._seen.begin(key)
        except Exception as error:  # noqa: BLE001  whatever a store raises, the callback must come again
            self._forget_token(claims)
            return _store_failed(error, event)
        if standing is Standing.DONE:
            self._remember_token(claims)
            return Answer()
        if standing is Standing.RUNNING:
            logger.info(
                "%s is being handled already: it is asked for again",
                _subject(event),
                extra=about(LogEvent.WEBHOOK_RUNNING, event),
            )
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "this callback is being handled already")
        self._drift.observe(event)
        if self._mode is Mode.ACKNOWLEDGE_FIRST:
            return await self._acknowledge(event, key, claims)
        return await self._run(event, key, claims)

    async def _run(self, event: Event, key: SeenKey, claims: WebhookClaims | None) -> Answer:
        try:
            verdict = await self._outcome(event)
        except BaseException:
            await self._abort(key, claims)
            raise
        if verdict is Verdict.RETRY:
            await self._abort(key, claims)
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a handler failed")
        try:
            await self._commit(key)
        except Exception as error:  # noqa: BLE001  see _handle
            await self._abort(key, claims)
            return _store_failed(error, event)
        self._remember_token(claims)
        return Answer()

    async def _commit(self, key: SeenKey) -> None:
        """Write down that an event was handled, also where ``close`` has waited long enough: it must not come again."""
        try:
            await self._seen.commit(key)
        except asyncio.CancelledError:
            await self._seen.commit(key)
            raise

    async def _acknowledge(self, event: Event, key: SeenKey, claims: WebhookClaims | None) -> Answer:
        try:
            await self._seen.commit(key)
        except BaseException as error:
            await self._abort(key, claims)
            if not isinstance(error, Exception):
                raise
            return _store_failed(error, event)
        # Nothing waits between the commit and the hand-over, so nothing can come between them.
        self._supervised(self._outcome(event))
        self._remember_token(claims)
        return Answer()

    async def _outcome(self, event: Event) -> Verdict:
        """Run the handlers; ``DROP`` means that the event is done with, by success or by decision."""
        try:
            for handler in self._router.match(event):
                telemetry = observe.telemetry
                await (handler(event) if telemetry is None else telemetry.handled(handler, event))
        except Exception as error:  # noqa: BLE001  on_error decides about every error of a handler
            return await self._decision(event, error)
        except asyncio.CancelledError as error:
            if _is_the_end(error):
                raise
            within = RuntimeError("something that the handler waited for was cancelled")
            within.__cause__ = error
            return await self._decision(event, within)
        return Verdict.DROP

    async def _decision(self, event: Event, error: Exception) -> Verdict:
        # The words of the exception are the handler's own and may hold anything: they go to DEBUG.
        logger.error(
            "a webhook handler raised %s for %s",
            type(error).__name__,
            _subject(event),
            extra=about(LogEvent.WEBHOOK_HANDLER_FAILED, event),
        )
        logger.debug(
            "what the webhook handler raised", exc_info=error, extra=about(LogEvent.WEBHOOK_HANDLER_FAILED, event)
        )
        if self._on_error is None:
            return Verdict.RETRY
        try:
            return Verdict(await self._on_error(event, error) or Verdict.RETRY)
        except (Exception, asyncio.CancelledError) as second:
            if _is_the_end(second):
                raise
            logger.error(  # noqa: TRY400  see above
                "on_error itself raised %s: the event is not dropped",
                type(second).__name__,
                extra=about(LogEvent.LISTENER_FAILED, event),
            )
            logger.debug("what on_error raised", exc_info=second, extra=about(LogEvent.LISTENER_FAILED, event))
            return Verdict.RETRY

    async def _abort(self, key: SeenKey, claims: WebhookClaims | None) -> None:
        self._forget_token(claims)
        try:
            await self._seen.abort(key)
        except Exception as error:  # noqa: BLE001  the answer asks for a retry already; the store's lease frees the key
            logger.warning(
                "the seen-memory failed to abort with %s",
                type(error).__name__,
                extra=about(LogEvent.WEBHOOK_STORE_FAILED),
            )

    def _remember_token(self, claims: WebhookClaims | None) -> None:
        if self._verifier is not None and claims is not None:
            self._verifier.commit(claims)

    def _forget_token(self, claims: WebhookClaims | None) -> None:
        if self._verifier is not None and claims is not None:
            self._verifier.abort(claims)


async def _answer_of(task: asyncio.Task[Answer]) -> Answer:
    """Wait for a task that goes on when the caller is cancelled; one that ``close`` cancelled asks for a retry."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if task.cancelled() and (caller is None or not caller.cancelling()):
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "the service closed before the handlers were done")
        raise


def _is_the_end(error: BaseException) -> bool:
    """Tell whether the running task itself is being cancelled, rather than something that it waits for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _subject(event: Event) -> str:
    kind = "inbound message" if isinstance(event, InboundMessage) else "message status"
    return f"{kind} {masked(event.message_uuid)!a}"


def _is_json(headers: Headers) -> bool:
    """Tell whether the body says that it is JSON. Saying nothing will do: the signature is what counts."""
    given = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    kind = given.partition(";")[0].strip().lower()
    return kind in ("", "application/json") or (kind.startswith("application/") and kind.endswith("+json"))


def _refused(status: HTTPStatus, detail: str) -> Answer:
    logger.warning("webhook refused with %d: %s", status, detail, extra=about(LogEvent.WEBHOOK_REFUSED))
    return _problem(status, detail)


def _store_failed(error: Exception, event: Event | None = None) -> Answer:
    logger.error(
        "the seen-memory failed with %s: the callback is asked for again",
        type(error).__name__,
        extra=about(LogEvent.WEBHOOK_STORE_FAILED, event),
    )
    logger.debug("what the seen-memory raised", exc_info=error, extra=about(LogEvent.WEBHOOK_STORE_FAILED, event))
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "the memory of handled callbacks cannot be reached")


def _problem(status: HTTPStatus, detail: str) -> Answer:
    document = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return Answer(status=int(status), body=json.dumps(document).encode(), content_type=_PROBLEM)


def _checked_mode(mode: str) -> Mode:
    try:
        return Mode(mode)
    except ValueError:
        raise ConfigurationError(f"mode must be {' or '.join(repr(str(one)) for one in Mode)}, not {mode!r}.") from None
