"""
How a client makes its calls: one attempt after another, as its ``RetryPolicy`` says, and each as the limits allow.

It is the lower of two floors of the ``Client``, which says what calls there are.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients.calls import Call, ResultT, failed, log_retry, read_sent, read_update, succeeded
from vonage_messages.clients.checks import refuse_basic
from vonage_messages.clients.credentials import authorization_of, current_auth, forget_expired, is_unsent, token_expired
from vonage_messages.clients.hosts import is_own_message, regional_host
from vonage_messages.clients.retry import RetryBudget, RetryPolicy, decide
from vonage_messages.clients.sandbox import advise
from vonage_messages.clients.transport import Timeout, Transport, user_agent
from vonage_messages.errors import APIError, AuthenticationError, RateLimitedError, VonageMessagesError
from vonage_messages.guards import Admission
from vonage_messages.logs import LogEvent, about
from vonage_messages.observe import Observers
from vonage_messages.values import HoldsSecret
from vonage_messages.wire import rest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from yarl import URL

    from vonage_messages.clients.credentials import Auth
    from vonage_messages.guards import Guards
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.places import Place
    from vonage_messages.observe import Observer, Telemetry
    from vonage_messages.turns.turns import Turns
    from vonage_messages.values import Seconds

logger = logging.getLogger("vonage_messages")

_UPDATE = RawMessage({"channel": "update"})
"""What an update of a message is to the limits: a request of the account, and nobody's message."""


class Attempts(HoldsSecret):
    """Makes the requests of a client; what it is given has been checked."""

    def __init__(  # noqa: PLR0913  as many options as a client has, by name
        self,
        auth: Auth | Callable[[], Awaitable[Auth]],
        *,
        base_url: URL,
        is_sandbox: bool,
        session: aiohttp.ClientSession | None,
        timeout: Timeout,
        retry: RetryPolicy,
        observers: Sequence[Observer],
        proxy: URL | None,
        ssl_context: ssl.SSLContext | None,
        app_name: str | None,
        limiter: Limiter | None,
        guards: Guards | None,
    ) -> None:
        self._auth = auth
        self._guards = guards
        self._limiter = limiter
        self._base_url = base_url
        self._is_sandbox = is_sandbox
        self._timeout = timeout
        self._retry = retry
        self._budget = RetryBudget(retry.budget, retry.refill)
        self._observers = Observers(observers)
        self._proxy = proxy
        self._ssl_context = ssl_context
        self._user_agent = user_agent(app_name)
        self._session = session
        self._transport = self._transport_to(self._base_url)
        self._regional: dict[URL, Transport] = {}

    async def _update(self, operation: str, request: rest.Request, transport: Transport) -> None:
        refuse_basic(self._auth)
        await self._repeat(
            Call(
                operation=operation,
                request=request,
                read=read_update,
                connect_timeout=self._timeout.connect,
                deadline=asyncio.get_running_loop().time() + self._timeout.total,
                transport=transport,
            )
        )

    def _transport_for(self, inbound: object) -> Transport:
        """Find the way to the region of an inbound event; our own where it says nothing, or nothing to be believed."""
        self_href = getattr(inbound, "self_href", None)
        host = regional_host(self_href, self._base_url)
        if host is None or host == self._base_url:
            if not is_own_message(self_href, self._base_url) and host is None:
                logger.warning(
                    "the _self link of an inbound message is not followed: the client's own host is asked",
                    extra=about(LogEvent.LINK_IGNORED),
                )
            return self._transport
        if host not in self._regional:  # at most six: that many hosts there are
            self._regional[host] = self._transport_to(host)
        return self._regional[host]

    def _transport_to(self, base_url: URL) -> Transport:
        return Transport(
            base_url,
            session=self._session,
            proxy=self._proxy,
            ssl_context=self._ssl_context,
            user_agent=self._user_agent,
        )

    async def _application_token(self) -> str | None:
        """Give the ``Authorization`` of the application; ``None`` for an account, whose key is nothing for a file."""
        auth = self._auth if isinstance(self._auth, (ApplicationAuth, BasicAuth)) else await self._auth()
        return auth.authorization() if isinstance(auth, ApplicationAuth) else None

    def _send_call(self, message: Message, request: rest.Request) -> Call[rest.SentMessage]:
        return Call(
            operation="send",
            request=request,
            read=partial(read_sent, client_ref=message.client_ref),
            connect_timeout=self._timeout.connect,
            deadline=asyncio.get_running_loop().time() + self._timeout.total,
            transport=self._transport,
            message=message,
        )

    async def _guarded(self, message: Message, request: rest.Request) -> rest.SentMessage:
        """Send a message, if every guard lets it pass."""
        call = self._send_call(message, request)
        if self._guards is None:
            return await self._repeat(call)
        call.admission = Admission(self._guards, message)
        try:
            return await self._repeat(call)
        finally:
            call.admission.withdraw()

    async def _traced(self, message: Message, request: rest.Request, telemetry: Telemetry) -> rest.SentMessage:
        """Send a message before the eyes of what watches the whole process: also what a guard refuses."""
        with telemetry.sending(message) as sending:
            sent = await self._guarded(message, request)
            sending.accepted(sent)
            return sent

    async def _repeat(self, call: Call[ResultT]) -> ResultT:
        """
        Attempt a call until it succeeds, or may not be repeated.

        Where the policy had an attempt repeated that left open what became of it, no later failure settles that: the
        call ends with the error of that attempt, which has the later one for its cause.
        """
        try:
            return await self._attempt_until_done(call)
        except Exception as error:
            doubt, call.doubt = call.doubt, None
            if doubt is None or getattr(error, "maybe_sent", False):
                raise
            try:
                raise doubt from error
            finally:
                del doubt  # it holds this frame

    async def _attempt_until_done(self, call: Call[ResultT]) -> ResultT:
        number = renewals = 0
        while True:  # ends: the policy bounds the repetitions, and a token is renewed once
            number += 1
            auth = await self._current_auth(call)
            place = await self._wait_for_place(call)  # outside: what finds no place in time is not repeated
            self._ask_guards_again(call, place)
            try:
                result = await self._admitted(call, number, auth)
            except VonageMessagesError as error:
                self._learn(error)
                if not renewals and isinstance(auth, ApplicationAuth) and token_expired(error):
                    renewals = 1
                    continue
                wait = self._wait_after(error, number - renewals, call)
                if wait is None:
                    raise
                log_retry(call, wait, error)
                if error.maybe_sent:
                    call.doubt = error
            else:
                self._learn(result)
                self._budget.give_back()
                return result
            await asyncio.sleep(wait)

    def _ask_guards_again(self, call: Call[Any], place: Place | None) -> None:
        """Ask the guards right before a request, however long it had to wait; a place that it does not need is free."""
        if call.admission is None:
            return
        try:
            call.admission.renew()
        except BaseException:
            if place is not None and self._limiter is not None:
                _turns_of(self._limiter).give_back(place)
            raise

    async def _admitted(self, call: Call[ResultT], number: int, auth: Auth) -> ResultT:
        """Make one request that the guards let pass; what they have counted stays, unless it was certainly refused."""
        maybe_sent = True
        try:
            return await self._attempt(call, number, auth)
        except Exception as error:
            maybe_sent = getattr(error, "maybe_sent", not is_unsent(error))
            raise
        finally:
            if call.admission is not None and maybe_sent:
                call.admission.keep()

    async def _wait_for_place(self, call: Call[Any]) -> Place | None:
        """
        Wait until every limit has a place for one request of *call*.

        The deadline moves by what that took: a request that began just before it would leave open what became of the
        message.
        """
        if self._limiter is None:
            return None
        loop = asyncio.get_running_loop()
        began = loop.time()
        left = max(self._timeout.total - call.waited, 0.001)
        message = _UPDATE if call.message is None else call.message
        place = await _turns_of(self._limiter).acquire(message, max_wait=left)
        waited = loop.time() - began
        call.waited += waited
        call.deadline += waited
        return place

    def _learn(self, result: object) -> None:
        """Let the limits hear what the platform says about speed."""
        if self._limiter is None:
            return
        if isinstance(result, RateLimitedError):
            _turns_of(self._limiter).refused(result, 0.0)
        elif isinstance(result, rest.SentMessage):
            _turns_of(self._limiter).answered(result.headers)

    def _wait_after(self, error: VonageMessagesError, attempt: int, call: Call[ResultT]) -> Seconds | None:
        try:
            return decide(
                error,
                attempt=attempt,
                policy=self._retry,
                budget=self._budget,
                remaining=call.deadline - asyncio.get_running_loop().time(),
                random=random.random,
            )
        except Exception as fault:  # noqa: BLE001  repeat_ambiguous is the user's: its fault must not hide the error
            logger.warning(
                "repeat_ambiguous raised %s: the message is not repeated",
                type(fault).__name__,
                extra=about(LogEvent.LISTENER_FAILED, call, error),
            )
            return None

    async def _attempt(self, call: Call[ResultT], number: int, auth: Auth) -> ResultT:
        """Make one request, and tell the observers."""
        authorization = authorization_of(auth)
        try:
            if self._observers.watching:
                return await self._watched(call, number, authorization)
            return call.read(await call.ask(authorization))
        except AuthenticationError as error:
            forget_expired(auth, authorization, error)
            raise
        except APIError as error:
            if self._is_sandbox:
                advise(error)
            raise

    async def _watched(self, call: Call[ResultT], number: int, authorization: str) -> ResultT:
        """Make one request before the eyes of observers: what they are shown takes 15 µs to make."""
        started = call.started(number, call.transport.url_of(call.request))
        observers = self._observers.now()
        observers.before_attempt(started)
        begun = time.perf_counter()
        try:
            answer = await call.ask(authorization)
            result = call.read(answer)
        except BaseException as error:
            observers.after_attempt(failed(started, time.perf_counter() - begun, error))
            raise
        observers.after_attempt(succeeded(started, time.perf_counter() - begun, answer, result))
        return result

    async def _current_auth(self, call: Call[ResultT]) -> Auth:
        """Get the credentials, which may take a call of the user's function: within the deadline."""
        if isinstance(self._auth, (ApplicationAuth, BasicAuth)):
            return self._auth
        auth = await current_auth(self._auth, call.deadline)
        if call.request.method == "PATCH":
            refuse_basic(auth)
        return auth


def _turns_of(limiter: Limiter) -> Turns:
    from vonage_messages.limiter import turns_of  # noqa: PLC0415  it is loaded: there is a limiter

    return turns_of(limiter)


def loops_of(client: Attempts) -> list[asyncio.AbstractEventLoop]:
    """Give the loops on which *client* has a session: where it may have to be closed."""
    transports = (client._transport, *client._regional.values())  # noqa: SLF001  they are of this module
    return [loop for transport in transports for loop in transport.loops]
