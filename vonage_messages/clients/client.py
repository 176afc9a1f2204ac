"""
``Client``: one call of the Messages API, one answer.

``send`` waits and repeats as its ``RetryPolicy`` says; ``attempt`` makes exactly one request, and is what queues and
outboxes build on. What requests and answers mean is known by ``vonage_messages.wire``; sockets are the business of
``vonage_messages.clients.transport``.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, overload

import aiohttp
import attrs

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients.retry import RetryBudget, RetryPolicy, decide
from vonage_messages.clients.transport import (
    Timeout,
    Transport,
    checked_base_url,
    checked_proxy,
    checked_ssl_context,
    proxy_from_environment,
    user_agent,
)
from vonage_messages.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    InvalidMessageError,
    Problem,
    VonageMessagesError,
)
from vonage_messages.observe import AttemptFinished, AttemptStarted, Observers, status_of
from vonage_messages.values import masked
from vonage_messages.wire import rest
from vonage_messages.wire.payloads import check_api_version, to_json, to_payload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from yarl import URL

    from vonage_messages.clients.transport import Answer
    from vonage_messages.observe import Observer
    from vonage_messages.values import Seconds
    from vonage_messages.wire.payloads import ApiVersion

ResultT = TypeVar("ResultT")

Auth: TypeAlias = ApplicationAuth | BasicAuth

DEFAULT_HOST = "https://api.nexmo.com"
SANDBOX_HOST = "https://messages-sandbox.nexmo.com"
REGIONAL_HOSTS = {
    "eu": "https://api-eu.nexmo.com",
    "us": "https://api-us.nexmo.com",
    "ap": "https://api-ap.nexmo.com",
}
"""Messages API v1, section 1: allowed for sending, recommended for updates."""

_APPLICATION_VARIABLES = ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY")
_ACCOUNT_VARIABLES = ("VONAGE_API_KEY", "VONAGE_API_SECRET")


class HasMessageUUID(Protocol):
    """Anything that knows the id of a message: an inbound event, a status, a receipt."""

    @property
    def message_uuid(self) -> str:
        """The platform's id of the message."""


@attrs.frozen(kw_only=True)
class DryRun:
    """What ``send(…, dry_run=True)`` would have sent. ``payload`` is the JSON object, ``body`` its bytes."""

    method: str
    url: str
    payload: dict[str, Any] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class _Call(Generic[ResultT]):
    """One call of the client: what every attempt at it shares."""

    operation: str
    request: rest.Request
    read: Callable[[Answer], ResultT]
    """Turns an answer into the result of the call, or raises."""

    connect_timeout: Seconds
    deadline: float
    """When the call ends, on the clock of the running loop."""

    message: Message | None = None

    def started(self, number: int, url: URL) -> AttemptStarted:
        """Describe one attempt to the observers."""
        message = self.message
        return AttemptStarted(
            operation=self.operation,
            method=self.request.method,
            url=str(url),
            attempt=number,
            channel=None if message is None else message.channel,
            message_type=None if message is None else message.message_type,
            to=None if message is None else masked(message.to),
        )


class Client:
    """
    A client of the Messages API.

    ::

        async with Client(ApplicationAuth("aaaa…", Path("private.key"))) as client:
            sent = await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))

    It may be built anywhere, also outside an event loop, and used from several loops one after another: each loop
    gets a keep-alive session of its own at the first request. ``async with`` (or ``close``) closes the session of
    the running loop at once; without it, the session is closed when its loop shuts down. A closed client may be used
    again.

    *auth*: ``ApplicationAuth``, ``BasicAuth``, or an async function that returns one, called before each attempt
    (for keys that rotate).
    *base_url*: another address of the API, such as a local simulator; *region*: ``eu``, ``us`` or ``ap``; *sandbox*:
    the Messages Sandbox. At most one of the three.
    *api_version*: ``v1`` or ``v0.1``, for messages that do not say otherwise.
    *session*: the caller's own ``aiohttp.ClientSession``. It may be shared, and is never closed.
    *timeout*, *retry*: see ``Timeout`` and ``RetryPolicy``.
    *observers*: see every attempt before and after; ``vonage_messages.observe.Observer``.
    *proxy*: the address of an HTTP proxy; *trust_env*: take it from ``HTTPS_PROXY`` and its like, now.
    *ssl_context*: an ``ssl.SSLContext``, to trust an authority of one's own. It must verify.
    *app_name*: added to the ``User-Agent``.

    Raises:
        ConfigurationError: options that cannot work, or contradict each other.

    Reference: Messages API v1, sections 1 and 2.
    """

    def __init__(  # noqa: PLR0913  one credential; what follows it are options, by name
        self,
        auth: Auth | Callable[[], Awaitable[Auth]],
        *,
        base_url: str | URL | None = None,
        region: str | None = None,
        sandbox: bool = False,
        api_version: ApiVersion = "v1",
        session: aiohttp.ClientSession | None = None,
        timeout: Timeout = Timeout(),  # noqa: B008  frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  frozen
        observers: Sequence[Observer] = (),
        proxy: str | URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        app_name: str | None = None,
    ) -> None:
        self._auth = _checked_auth(auth)
        self._base_url = checked_base_url(_chosen_host(base_url, region, sandbox=sandbox))
        check_api_version(api_version)
        self._api_version = api_version
        self._timeout = _checked_timeout(timeout)
        self._retry = _checked_retry(retry)
        self._budget = RetryBudget(retry.budget, retry.refill)
        self._observers = Observers(observers)
        self._transport = Transport(
            self._base_url,
            session=_checked_session(session),
            proxy=_chosen_proxy(proxy, self._base_url, trust_env=trust_env),
            ssl_context=checked_ssl_context(ssl_context, self._base_url),
            user_agent=user_agent(app_name),
        )

    @classmethod
    def from_env(cls, *, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """
        Build a client from environment variables; *options* are those of the constructor, without ``auth``.

        ``VONAGE_APPLICATION_ID`` and ``VONAGE_PRIVATE_KEY`` (PEM text or a path) are preferred to
        ``VONAGE_API_KEY`` and ``VONAGE_API_SECRET``. ``VONAGE_BASE_URL`` is used unless *base_url* is given. An
        empty variable counts as missing. *environ* stands in for ``os.environ``.

        Raises:
            ConfigurationError: credentials are missing or half given; the sentence names the variable.
        """
        variables = os.environ if environ is None else environ
        base_url = variables.get("VONAGE_BASE_URL")
        if base_url and options.get("base_url") is None:
            options["base_url"] = base_url
        return cls(_auth_from(variables), **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self._base_url)!r}, api_version={self._api_version!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session of the running loop; the caller's own session stays open."""
        await self._transport.close()

    async def cleanup_ctx(self, _app: object) -> AsyncIterator[None]:
        """Tie the client to the life of an aiohttp application: ``app.cleanup_ctx.append(client.cleanup_ctx)``."""
        async with self:
            yield

    @overload
    async def send(
        self,
        message: Message,
        *,
        failover: Sequence[Message] | None = None,
        api_version: ApiVersion | None = None,
        dry_run: Literal[False] = False,
    ) -> rest.SentMessage: ...

    @overload
    async def send(
        self,
        message: Message,
        *,
        failover: Sequence[Message] | None = None,
        api_version: ApiVersion | None = None,
        dry_run: Literal[True],
    ) -> DryRun: ...

    @overload
    async def send(
        self,
        message: Message,
        *,
        failover: Sequence[Message] | None = None,
        api_version: ApiVersion | None = None,
        dry_run: bool,
    ) -> rest.SentMessage | DryRun: ...

    async def send(
        self,
        message: Message,
        *,
        failover: Sequence[Message] | None = None,
        api_version: ApiVersion | None = None,
        dry_run: bool = False,
    ) -> rest.SentMessage | DryRun:
        """
        Send a message, and wait until the platform has accepted it: queued, not delivered.

        *failover* is what the platform sends instead, in this order, when the message is rejected: one workflow.
        With *dry_run* everything is checked and nothing is sent.

        What certainly was not accepted is repeated as the client's ``RetryPolicy`` says; a token that the platform
        calls expired is renewed, once. Anything else is raised at once: when an error says ``maybe_sent``, the
        message may be on its way.

        Raises:
            InvalidMessageError: the message or its failover cannot be sent, or not by this version.
            APIError: the platform refused it.
            TransportError: there was no answer.
            UnexpectedResponseError: the answer is not one that the reference describes.

        Reference: Messages API v1, sections 1, 11, 12 and 14.
        """
        message = _with_failover(_checked_message(message), failover)
        chosen = self._api_version if api_version is None else api_version
        request = rest.send_request(to_json(message, chosen), chosen)
        if dry_run:
            url = str(self._transport.url_of(request))
            return DryRun(method=request.method, url=url, payload=to_payload(message, chosen), body=request.body)
        return await self._repeat(self._send_call(message, request))

    async def attempt(
        self,
        message: Message,
        *,
        api_version: ApiVersion | None = None,
    ) -> rest.SentMessage:
        """
        Make exactly one request to send a message: no repetition, no wait, whatever comes back.

        A token that the platform calls expired is forgotten, so that the caller's next attempt has a fresh one.

        Raises:
            InvalidMessageError, APIError, TransportError, UnexpectedResponseError: as ``send`` does.
        """
        _checked_message(message)
        chosen = self._api_version if api_version is None else api_version
        request = rest.send_request(to_json(message, chosen), chosen)
        call = self._send_call(message, request)
        return await self._attempt(call, 1, await self._current_auth(call))

    async def failover(
        self,
        messages: Sequence[Message],
        *,
        api_version: ApiVersion | None = None,
    ) -> rest.SentMessage:
        """
        Send the first of *messages*, with the rest as its failover: ``send(first, failover=rest)``.

        Raises:
            InvalidMessageError: *messages* is empty, or one of them cannot be part of a workflow.
        """
        first, *others = _checked_chain(messages)
        return await self.send(first, failover=others or None, api_version=api_version)

    async def mark_read(
        self,
        inbound: str | HasMessageUUID,
        *,
        typing_indicator: bool = False,
    ) -> None:
        """
        Mark an inbound WhatsApp or RCS message as read: an event that has a ``message_uuid``, or that id.

        With *typing_indicator* (WhatsApp) the sender also sees "typing", for 25 seconds or until the reply. The
        update must go to the region of the number: give the client its ``region``.

        Raises:
            ConfigurationError: the client has ``BasicAuth``; updates need ``ApplicationAuth``.
            InvalidMessageError: that is no id of a message.
            APIError, TransportError, UnexpectedResponseError: as ``send`` does.

        Reference: Messages API v1, section 13.
        """
        message_uuid = inbound if isinstance(inbound, str) else inbound.message_uuid
        build = rest.typing_indicator_request if typing_indicator else rest.mark_read_request
        await self._update("mark_read", build(message_uuid))

    async def revoke(self, message_uuid: str) -> None:
        """
        Take back an outbound RCS message that was not delivered yet.

        Raises:
            ConfigurationError, InvalidMessageError, APIError, TransportError, UnexpectedResponseError: as
                ``mark_read`` does.

        Reference: Messages API v1, section 13.
        """
        await self._update("revoke", rest.revoke_request(message_uuid))

    async def _update(self, operation: str, request: rest.Request) -> None:
        _refuse_basic(self._auth)
        await self._repeat(
            _Call(
                operation=operation,
                request=request,
                read=_read_update,
                connect_timeout=self._timeout.connect,
                deadline=asyncio.get_running_loop().time() + self._timeout.total,
            )
        )

    def _send_call(self, message: Message, request: rest.Request) -> _Call[rest.SentMessage]:
        return _Call(
            operation="send",
            request=request,
            read=partial(_read_sent, client_ref=message.client_ref),
            connect_timeout=self._timeout.connect,
            deadline=asyncio.get_running_loop().time() + self._timeout.total,
            message=message,
        )

    async def _repeat(self, call: _Call[ResultT]) -> ResultT:
        """Attempt a call until it succeeds, or may not be repeated."""
        number = renewals = 0
        while True:  # ends: the policy bounds the repetitions, and a token is renewed once
            number += 1
            auth = await self._current_auth(call)
            try:
                result = await self._attempt(call, number, auth)
            except VonageMessagesError as error:
                if not renewals and isinstance(auth, ApplicationAuth) and _token_expired(error):
                    renewals = 1
                    continue
                wait = self._wait_after(error, number - renewals, call)
                if wait is None:
                    raise
            else:
                self._budget.give_back()
                return result
            await asyncio.sleep(wait)

    def _wait_after(self, error: VonageMessagesError, attempt: int, call: _Call[ResultT]) -> Seconds | None:
        return decide(
            error,
            attempt=attempt,
            policy=self._retry,
            budget=self._budget,
            remaining=call.deadline - asyncio.get_running_loop().time(),
            random=random.random,
        )

    async def _attempt(self, call: _Call[ResultT], number: int, auth: Auth) -> ResultT:
        """Make one request, and tell the observers."""
        authorization = auth.authorization()
        started = call.started(number, self._transport.url_of(call.request))
        self._observers.before_attempt(started)
        begun = time.perf_counter()
        try:
            answer = await self._transport.attempt(
                call.request, authorization, deadline=call.deadline, connect_timeout=call.connect_timeout
            )
            result = call.read(answer)
        except BaseException as error:
            self._observers.after_attempt(_failed(started, time.perf_counter() - begun, error))
            if isinstance(auth, ApplicationAuth) and _token_expired(error):
                auth.invalidate(authorization)
            raise
        self._observers.after_attempt(_succeeded(started, time.perf_counter() - begun, answer, result))
        return result

    async def _current_auth(self, call: _Call[ResultT]) -> Auth:
        """Get the credentials, which may take a call of the user's function: within the deadline."""
        if isinstance(self._auth, (ApplicationAuth, BasicAuth)):
            return self._auth
        try:
            async with asyncio.timeout_at(call.deadline) as limit:
                auth = await self._auth()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ConnectError("auth= gave no credentials in time. The request was not sent.") from error
        if not isinstance(auth, (ApplicationAuth, BasicAuth)):
            raise ConfigurationError(f"auth= must return an ApplicationAuth or a BasicAuth, not {type(auth).__name__}.")
        if call.request.method == "PATCH":
            _refuse_basic(auth)
        return auth


def _read_sent(answer: Answer, *, client_ref: str | None) -> rest.SentMessage:
    return rest.read_send_response(
        answer.status,
        answer.headers,
        answer.body,
        now=time.time(),
        client_ref=client_ref,
        complete=answer.complete,
    )


def _read_update(answer: Answer) -> None:
    rest.read_update_response(answer.status, answer.headers, answer.body, now=time.time())


def _succeeded(started: AttemptStarted, duration: Seconds, answer: Answer, result: object) -> AttemptFinished:
    return AttemptFinished(
        started=started,
        duration=duration,
        status=answer.status,
        request_id=rest.header_value(answer.headers, "X-Request-Id"),
        message_uuid=result.message_uuid if isinstance(result, rest.SentMessage) else None,
    )


def _failed(started: AttemptStarted, duration: Seconds, error: BaseException) -> AttemptFinished:
    return AttemptFinished(
        started=started,
        duration=duration,
        status=status_of(error),
        request_id=getattr(error, "request_id", None),
        error=error,
    )


def _token_expired(error: BaseException) -> bool:
    return isinstance(error, AuthenticationError) and error.token_expired


def _refuse_basic(auth: object) -> None:
    """Refuse credentials that updates do not take: the reference lists JWT only for PATCH (section 1)."""
    if isinstance(auth, BasicAuth):
        raise ConfigurationError(
            "mark_read and revoke need ApplicationAuth: the platform takes no API key and secret for updates."
        )


def _checked_message(message: Message) -> Message:
    if not isinstance(message, Message):
        raise TypeError(f"a message such as Sms(…) is needed, not {type(message).__name__}")
    return message


def _with_failover(message: Message, failover: Sequence[Message] | None) -> Message:
    """Put *failover* on the message; what cannot be a failover is refused by the message itself."""
    if failover is None:
        return message
    if isinstance(message, RawMessage):
        raise InvalidMessageError([("failover", "must be part of the payload of a RawMessage, not given beside it")])
    if message.failover is not None:
        raise InvalidMessageError([("failover", "is given twice: on the message, and beside it")])
    # Every other message is an attrs class with this field, which its common base does not tell.
    return attrs.evolve(message, failover=failover)  # type: ignore[call-arg]


def _checked_chain(messages: Sequence[Message]) -> list[Message]:
    chain = list(messages)
    if not chain:
        raise InvalidMessageError([Problem("", "failover() needs one message at least")])
    return chain


def _checked_auth(auth: Auth | Callable[[], Awaitable[Auth]]) -> Auth | Callable[[], Awaitable[Auth]]:
    given: object = auth
    if isinstance(given, (ApplicationAuth, BasicAuth)):
        return auth
    if callable(given) and not isinstance(given, type):
        return auth
    raise ConfigurationError(
        "auth must be an ApplicationAuth, a BasicAuth, or an async function that returns one, not "
        f"{getattr(auth, '__name__', type(auth).__name__)}."
    )


def _checked_timeout(timeout: Timeout) -> Timeout:
    if not isinstance(timeout, Timeout):
        raise ConfigurationError(
            f"timeout must be a Timeout, such as Timeout(connect=5, total=30), not {type(timeout).__name__}."
        )
    return timeout


def _checked_retry(retry: RetryPolicy) -> RetryPolicy:
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError(
            f"retry must be a RetryPolicy, not {type(retry).__name__}: RetryPolicy(attempts=1) never repeats."
        )
    return retry


def _checked_session(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession | None:
    if session is not None and not isinstance(session, aiohttp.ClientSession):
        raise ConfigurationError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}.")
    return session


def _chosen_host(base_url: str | URL | None, region: str | None, *, sandbox: bool) -> str | URL:
    if sum((base_url is not None, region is not None, bool(sandbox))) > 1:
        raise ConfigurationError(
            "base_url (or VONAGE_BASE_URL), region and sandbox contradict each other: each names another host, so "
            "give at most one."
        )
    if base_url is not None:
        return base_url
    if sandbox:
        return SANDBOX_HOST
    if region is None:
        return DEFAULT_HOST
    host = REGIONAL_HOSTS.get(region)
    if host is None:
        raise ConfigurationError(f"region must be one of {', '.join(REGIONAL_HOSTS)}, not {region!r}.")
    return host


def _chosen_proxy(proxy: str | URL | None, base_url: URL, *, trust_env: bool) -> URL | None:
    if proxy is not None:
        return checked_proxy(proxy, base_url)
    return proxy_from_environment(base_url) if trust_env else None


def _auth_from(variables: Mapping[str, str]) -> Auth:
    """Choose credentials as the official SDKs do: the application's where it is complete, else the account's."""
    application = _complete_pair(variables, _APPLICATION_VARIABLES)
    if application is not None:
        return ApplicationAuth(*application)
    account = _complete_pair(variables, _ACCOUNT_VARIABLES)
    if account is not None:
        return BasicAuth(*account)
    raise ConfigurationError(
        f"no credentials in the environment: set {' and '.join(_APPLICATION_VARIABLES)}, or "
        f"{' and '.join(_ACCOUNT_VARIABLES)}."
    )


def _complete_pair(variables: Mapping[str, str], names: tuple[str, str]) -> tuple[str, str] | None:
    """Read two variables; one without the other is a mistake, and falling back would hide it."""
    first, second = (variables.get(name, "").strip() for name in names)
    if not first and not second:
        return None
    if not first or not second:
        missing, given = names if not first else names[::-1]
        raise ConfigurationError(f"{missing} is not set, but {given} is: set both, or neither.")
    return first, second
