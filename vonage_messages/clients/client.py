"""
``Client``: one call of the Messages API, one answer.

``send`` waits and repeats as its ``RetryPolicy`` says; ``attempt`` makes exactly one request, and is what queues and
outboxes build on. What requests and answers mean is known by ``vonage_messages.wire``; sockets are the business of
``vonage_messages.clients.transport``.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, overload

import aiohttp
import attrs

from vonage_messages import observe
from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.base import Message
from vonage_messages.clients.addresses import checked_base_url, checked_ssl_context
from vonage_messages.clients.attempts import Attempts
from vonage_messages.clients.calls import read_sent
from vonage_messages.clients.checks import (
    checked_auth,
    checked_chain,
    checked_limiter,
    checked_message,
    checked_prices,
    checked_retry,
    checked_session,
    checked_timeout,
    chosen_proxy,
    with_failover,
)
from vonage_messages.clients.credentials import authorization_of, forget_expired, is_unsent
from vonage_messages.clients.environment import Variables, auth_from
from vonage_messages.clients.hosts import chosen_host, lowered
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.sandbox import refuse_missing_channel
from vonage_messages.clients.transport import Timeout
from vonage_messages.errors import AuthenticationError, DownloadError
from vonage_messages.guards import guards_of, take_back
from vonage_messages.values import shown_half_built
from vonage_messages.wire import rest
from vonage_messages.wire.payloads import check_api_version, to_json, to_payload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from yarl import URL

    from vonage_messages.clients.download import Downloaded
    from vonage_messages.guards import Guard
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.levels import Limits
    from vonage_messages.observe import Observer
    from vonage_messages.pricing import CostEstimate, PriceTable
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.inbound import InboundMessage
    from vonage_messages.wire.payloads import ApiVersion

Auth: TypeAlias = ApplicationAuth | BasicAuth


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
    estimate: CostEstimate | None = None
    """What it would cost, failover in ``worst``; ``None`` where the client has no ``prices``."""


class Client(Attempts):
    """
    A client of the Messages API.

    ::

        async with Client(ApplicationAuth("aaaa…", Path("private.key"))) as client:
            sent = await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))

    It may be built anywhere, also outside an event loop, and used from several loops one after another: each loop
    gets a keep-alive session of its own at the first request. ``async with`` (or ``close``) closes the session of
    the running loop at once; without it, the session is closed when its loop shuts down. A closed client may be used
    again. It holds credentials and connections, and so it is not pickled, and a copy is the same object.

    *auth*: ``ApplicationAuth``, ``BasicAuth``, or an async function that returns one, called before each attempt
    (for keys that rotate). What it raises is raised by the call, of which nothing was sent then.
    *base_url*: another address of the API, such as a local simulator; *region*: ``eu``, ``us`` or ``ap``; *sandbox*:
    the Messages Sandbox, which has WhatsApp, Viber and Messenger, for people who have joined it (the limits of it are
    ``Limits.sandbox()``). At most one of the three.
    *api_version*: ``v1`` or ``v0.1``, for messages that do not say otherwise.
    *session*: the caller's own ``aiohttp.ClientSession``. It may be shared, and is never closed.
    *timeout*, *retry*: see ``Timeout`` and ``RetryPolicy``.
    *observers*: see every attempt before and after; ``vonage_messages.observe.Observer``.
    *proxy*: the address of an HTTP proxy; *trust_env*: take it from ``HTTPS_PROXY`` and its like, now.
    *ssl_context*: an ``ssl.SSLContext``, to trust an authority of one's own. It must verify.
    *app_name*: added to the ``User-Agent``.
    *limits*: ``Limits``, or a ``Limiter`` that is shared with others: every attempt of ``send``, ``reply`` and
    ``failover`` waits for its place. All these waits of a call may take ``timeout.total`` seconds together, and are not
    counted in the time that its requests have. Without limits a client is not paced. A ``SendQueue`` on this client
    keeps the same limits, and charges each message once.
    *guards*: each is asked before a message leaves, however it is sent: ``OptOuts``, ``BudgetGuard``, ``PumpingAlarm``
    or your own ``Guard``. What one refuses is not sent. Where a message has to wait, for limits or for a repetition,
    they are asked again when it may leave.
    *prices*: a ``PriceTable``, by which dry runs tell what a message would cost.

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
        limits: Limits | Limiter | None = None,
        guards: Iterable[Guard] = (),
        prices: PriceTable | None = None,
    ) -> None:
        address = checked_base_url(chosen_host(base_url, region, sandbox=sandbox))
        check_api_version(api_version)
        self._api_version = api_version
        super().__init__(
            checked_auth(auth),
            base_url=address,
            is_sandbox=bool(sandbox),
            session=checked_session(session),
            timeout=checked_timeout(timeout),
            retry=checked_retry(retry),
            observers=observers,
            proxy=chosen_proxy(proxy, address, trust_env=trust_env),
            ssl_context=checked_ssl_context(ssl_context, address),
            app_name=app_name,
            limiter=checked_limiter(limits),
            guards=guards_of(guards),
        )
        self._prices = checked_prices(prices)

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
        environ = Variables(os.environ if environ is None else environ)
        base_url = environ.get("VONAGE_BASE_URL")
        if base_url and options.get("base_url") is None:
            options["base_url"] = base_url
        return cls(auth_from(environ), **options)

    @shown_half_built
    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self._base_url)!r}, api_version={self._api_version!r})"

    @property
    def limiter(self) -> Limiter | None:
        """What paces the sends of this client; ``None`` where it was given no limits."""
        return self._limiter

    @property
    def retry(self) -> RetryPolicy:
        """What ``send`` repeats, and how patiently."""
        return self._retry

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
        for transport in (self._transport, *self._regional.values()):
            await transport.close()
        if self._limiter is not None:
            await self._limiter.save()

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
        With *dry_run* everything is checked, priced where the client has ``prices``, and nothing is sent.

        What certainly was not accepted is repeated as the client's ``RetryPolicy`` says; a token that the platform
        calls expired is renewed, once. Anything else is raised at once: when an error says ``maybe_sent``, the
        message may be on its way.

        Raises:
            InvalidMessageError: the message or its failover cannot be sent, or not by this version.
            APIError: the platform refused it.
            TransportError: there was no answer.
            UnexpectedResponseError: the answer is not one that the reference describes.
            LimitTimeoutError, StoreUnavailableError: the client has limits, and no place in time. Nothing was accepted.
            OptedOutError, BudgetExceededError, RangePausedError: the client has guards, and one of them refuses it.
            ConfigurationError: there is no such version, the caller's session cannot be used, or *auth* gave
                something else than credentials. Nothing was sent.
            RuntimeError: the client has limits that are in use on another event loop. Nothing was sent.

        Reference: Messages API v1, sections 1, 11, 12 and 14.
        """
        message = with_failover(checked_message(message), failover)
        if self._is_sandbox:
            refuse_missing_channel(message)
        chosen = self._api_version if api_version is None else api_version
        request = rest.send_request(to_json(message, chosen), chosen)
        if dry_run:
            return self._dry_run(message, request, chosen)
        if observe.telemetry is not None:
            return await self._traced(message, request, observe.telemetry)
        return await self._guarded(message, request)

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
            InvalidMessageError, ConfigurationError, APIError, TransportError, UnexpectedResponseError: as ``send``.
            OptedOutError, BudgetExceededError, RangePausedError: as ``send`` does.
        """
        checked_message(message)
        if self._is_sandbox:
            refuse_missing_channel(message)
        chosen = self._api_version if api_version is None else api_version
        request = rest.send_request(to_json(message, chosen), chosen)
        auth, call = self._auth, None
        if self._observers.watching or self._is_sandbox or not isinstance(auth, (ApplicationAuth, BasicAuth)):
            call = self._send_call(message, request)
            auth = await self._current_auth(call)
        undo = () if self._guards is None else self._guards.admit(message)  # last of all: *auth* may take its time
        try:
            if call is not None:
                return await self._attempt(call, 1, auth)
            # The same without a Call, for it is the way of a queue: 4 of the 90 µs of a message.
            authorization = authorization_of(auth)
            deadline = asyncio.get_running_loop().time() + self._timeout.total
            try:
                answer = await self._transport.attempt(
                    request, authorization, deadline=deadline, connect_timeout=self._timeout.connect
                )
                return read_sent(answer, client_ref=message.client_ref)
            except AuthenticationError as error:
                forget_expired(auth, authorization, error)
                raise
        except Exception as error:
            if undo and not getattr(error, "maybe_sent", not is_unsent(error)):
                take_back(undo)
            raise

    def _dry_run(self, message: Message, request: rest.Request, version: ApiVersion) -> DryRun:
        """Tell what would be sent, and what it would cost; refused is what would be refused."""
        if self._guards is not None:
            self._guards.check(message)
        return DryRun(
            method=request.method,
            url=str(self._transport.url_of(request)),
            payload=to_payload(message, version),
            body=request.body,
            estimate=None if self._prices is None else self._prices.estimate((message,)),
        )

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
            And what ``send`` raises.
        """
        first, *others = checked_chain(messages)
        return await self.send(first, failover=others or None, api_version=api_version)

    async def reply(
        self,
        inbound: InboundMessage,
        text: str,
        *,
        api_version: ApiVersion | None = None,
    ) -> rest.SentMessage:
        """
        Answer an inbound message with a text, on its channel: ``inbound.reply(text)``, sent.

        The sides are swapped, and on WhatsApp the answer quotes what it answers.

        Raises:
            InvalidMessageError: the channel cannot be answered on, or the answer cannot be sent.
            And what ``send`` raises.
        """
        from vonage_messages.webhooks.reply import reply_to  # noqa: PLC0415  loads every channel: who only sends, does not

        return await self.send(reply_to(inbound, text), api_version=api_version)

    async def download(  # noqa: PLR0913  a file and a place; what follows are limits, by name
        self,
        content: object,
        path: str | Path,
        *,
        limit: int | None = None,
        timeout: Seconds = 300.0,  # noqa: ASYNC109  a span in an error of ours
        allowed_hosts: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
    ) -> Downloaded:
        """
        Fetch the file of an inbound message: ``await client.download(inbound.content, "picture.jpg")``.

        *content* is an ``Image``, ``Audio``, ``Video``, ``File``, ``Vcard`` or ``Sticker``, or the URL of one. The
        bytes are streamed to a new file beside *path*, which takes its place when all are there. *limit* is in bytes
        (100 MiB), *timeout* in seconds for the whole download.

        Only https, and only hosts of the platform are asked, the client's own base URL, and those that you name: the
        *allowed_hosts* without credentials (Messenger's files, say, lie with Facebook), the *trusted_hosts* with the
        application's JWT. ``*.example.com`` stands for all hosts below it. Redirects are followed without the JWT,
        and never to a private address.

        Raises:
            DownloadError: it must not be fetched, is too large, is not there (media stay for 48 hours), or was lost
                on the way.
            ConfigurationError: a name among the hosts is none.
            OSError: the disk does not take it.
            TypeError: *content* has no file.

        Reference: Webhooks, section 5.
        """
        from vonage_messages.clients.download import LARGEST_FILE, DownloadRules, fetch, url_of  # noqa: PLC0415  see reply

        rules = DownloadRules(
            base_url=self._base_url,
            allowed_hosts=lowered(allowed_hosts),
            trusted_hosts=lowered(trusted_hosts),
            limit=LARGEST_FILE if limit is None else limit,
        )
        url = url_of(content)
        rules.check_first(url)
        try:
            async with asyncio.timeout(timeout) as span:
                return await fetch(
                    url,
                    Path(path),
                    rules=rules,
                    authorization=await self._application_token() if rules.receives_token(url) else None,
                    user_agent=self._user_agent,
                    proxy=self._proxy,
                    ssl_context=self._ssl_context,
                    connect_timeout=self._timeout.connect,
                )
        except TimeoutError:
            if not span.expired():
                raise
            raise DownloadError(f"the file is not fetched: it took longer than {timeout:g} seconds") from None

    async def mark_read(
        self,
        inbound: str | HasMessageUUID,
        *,
        typing_indicator: bool = False,
    ) -> None:
        """
        Mark an inbound WhatsApp or RCS message as read: an event that has a ``message_uuid``, or that id.

        With *typing_indicator* (WhatsApp) the sender also sees "typing", for 25 seconds or until the reply. The
        update must go to the region of the number. An inbound event says which one (``self_href``), and is believed
        where that is one of the platform's regional hosts; for an id give the client its ``region``.

        Raises:
            ConfigurationError: the client has ``BasicAuth``; updates need ``ApplicationAuth``.
            InvalidMessageError: that is no id of a message.
            APIError, TransportError, UnexpectedResponseError: as ``send`` does.

        Reference: Messages API v1, sections 1 and 13; Webhooks, section 4, ``_self``.
        """
        message_uuid = inbound if isinstance(inbound, str) else inbound.message_uuid
        build = rest.typing_indicator_request if typing_indicator else rest.mark_read_request
        await self._update("mark_read", build(message_uuid), self._transport_for(inbound))

    async def revoke(self, message_uuid: str) -> None:
        """
        Take back an outbound RCS message that was not delivered yet.

        Raises:
            ConfigurationError, InvalidMessageError, APIError, TransportError, UnexpectedResponseError: as
                ``mark_read`` does.

        Reference: Messages API v1, section 13.
        """
        await self._update("revoke", rest.revoke_request(message_uuid), self._transport)
