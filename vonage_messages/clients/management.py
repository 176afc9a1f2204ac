"""
What the clients of the managing APIs share: how they are built, and how a call of theirs is made and repeated.

Unlike a message, most of what they ask for is the same done once or twice. So whatever is no ``POST`` is repeated as
the ``RetryPolicy`` says also where its answer was lost; a ``POST`` only where it certainly was not carried out.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import attrs

from vonage_messages.clients.addresses import checked_base_url, checked_ssl_context
from vonage_messages.clients.calls import failed, succeeded
from vonage_messages.clients.checks import (
    checked_auth,
    checked_retry,
    checked_session,
    checked_timeout,
    chosen_proxy,
)
from vonage_messages.clients.credentials import current_auth, forget_expired, token_expired
from vonage_messages.clients.environment import Variables, auth_from
from vonage_messages.clients.hosts import DEFAULT_HOST
from vonage_messages.clients.retry import RetryBudget, RetryPolicy, decide
from vonage_messages.clients.transport import Timeout, Transport, user_agent
from vonage_messages.errors import APIError, AuthenticationError, VonageMessagesError
from vonage_messages.observe import AttemptStarted, Observers
from vonage_messages.values import HoldsSecret, masked_reference, shown_half_built
from vonage_messages.wire.rest import read_document

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    import aiohttp
    from yarl import URL

    from vonage_messages.auth import ApplicationAuth, BasicAuth
    from vonage_messages.clients.credentials import Auth
    from vonage_messages.clients.transport import Answer
    from vonage_messages.observe import Observer
    from vonage_messages.wire.rest import Request

ResultT = TypeVar("ResultT")

GONE: Final = frozenset({404})
"""How a second request is answered where the first, whose answer was lost, has deleted something."""


class ManagementClient(HoldsSecret):
    """
    The base of ``AccountsClient`` and ``ApplicationsClient``; its options are those of ``Client`` that apply.

    Raises:
        ConfigurationError: options that cannot work.
    """

    def __init__(  # noqa: PLR0913  one credential; what follows it are options, by name
        self,
        auth: Auth | Callable[[], Awaitable[Auth]],
        *,
        base_url: str | URL | None = None,
        session: aiohttp.ClientSession | None = None,
        timeout: Timeout = Timeout(),  # noqa: B008  frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  frozen
        observers: Sequence[Observer] = (),
        proxy: str | URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        app_name: str | None = None,
    ) -> None:
        self._auth = checked_auth(auth)
        self._base_url = checked_base_url(DEFAULT_HOST if base_url is None else base_url)
        self._timeout = checked_timeout(timeout)
        self._retry = checked_retry(retry)
        self._budget = RetryBudget(retry.budget, retry.refill)
        self._observers = Observers(observers)
        self._transport = Transport(
            self._base_url,
            session=checked_session(session),
            proxy=chosen_proxy(proxy, self._base_url, trust_env=trust_env),
            ssl_context=checked_ssl_context(ssl_context, self._base_url),
            user_agent=user_agent(app_name),
        )

    @classmethod
    def from_env(cls, *, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """
        Build a client from environment variables, as ``Client.from_env`` does; *options* are the constructor's.

        Raises:
            ConfigurationError: credentials are missing or half given; the sentence names the variable.
        """
        environ = Variables(os.environ if environ is None else environ)
        base_url = environ.get("VONAGE_BASE_URL")
        if base_url and options.get("base_url") is None:
            options["base_url"] = base_url
        return cls(cls._auth_from(environ), **options)

    @shown_half_built
    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self._base_url)!r})"

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

    @staticmethod
    def _auth_from(variables: Mapping[str, str]) -> ApplicationAuth | BasicAuth:
        return auth_from(variables)

    def _check_auth(self, auth: Auth) -> None:
        """Refuse credentials that the API does not take."""

    async def _call(
        self,
        operation: str,
        request: Request,
        read: Callable[[Any], ResultT],
        *,
        done: frozenset[int] = frozenset(),
    ) -> ResultT:
        """
        Ask for *operation*, repeat it as may be, and read the document of the answer.

        *done* are refusals that mean success where an earlier attempt may have been carried out: what was deleted by
        a request whose answer was lost is not found by the next one.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout.total
        policy = attrs.evolve(self._retry, repeat_ambiguous=True) if request.harmless_twice else self._retry
        number = renewals = 0
        maybe_done = False
        while True:  # ends: the policy bounds the repetitions, and a token is renewed once
            number += 1
            auth = await current_auth(self._auth, deadline)
            self._check_auth(auth)
            try:
                document = await self._attempt(operation, request, number, auth, deadline)
            except VonageMessagesError as error:
                if maybe_done and isinstance(error, APIError) and error.status in done:
                    return read(None)
                maybe_done = maybe_done or error.maybe_sent
                if not renewals and token_expired(error):
                    renewals = 1
                    continue
                wait = decide(
                    error,
                    attempt=number - renewals,
                    policy=policy,
                    budget=self._budget,
                    remaining=deadline - loop.time(),
                    random=random.random,
                )
                if wait is None:
                    raise
            else:
                self._budget.give_back()
                return read(document)
            await asyncio.sleep(wait)

    async def _attempt(self, operation: str, request: Request, number: int, auth: Auth, deadline: float) -> Any:
        """Make one request, and tell the observers."""
        authorization = auth.authorization()
        url = self._transport.url_of(request)
        started = AttemptStarted(operation=operation, method=request.method, url=_shown(url), attempt=number)
        self._observers.before_attempt(started)
        begun = time.perf_counter()
        try:
            answer = await self._transport.attempt(
                request, authorization, deadline=deadline, connect_timeout=self._timeout.connect
            )
            document = _read(answer)
        except BaseException as error:
            if isinstance(error, AuthenticationError):
                forget_expired(auth, authorization, error)
            self._observers.after_attempt(failed(started, time.perf_counter() - begun, error))
            raise
        self._observers.after_attempt(succeeded(started, time.perf_counter() - begun, answer, document))
        return document


def read_nothing(_document: object) -> None:
    """Read an answer that says nothing."""


def _shown(url: URL) -> str:
    """Give an address as observers and the log see it: the id of an account may be a phone number."""
    path = "/".join(map(masked_reference, url.raw_path.split("/")))
    return f"{url.origin()}{path}{'?' if url.raw_query_string else ''}{url.raw_query_string}"


def _read(answer: Answer) -> Any:
    return read_document(answer.status, answer.headers, answer.body, now=time.time(), complete=answer.complete)
