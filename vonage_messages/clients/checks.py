"""
What a client refuses before it does anything: options and arguments that cannot work.

Options are refused with a ``ConfigurationError``, messages with an ``InvalidMessageError``, and what is no message with
a ``TypeError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import aiohttp
import attrs

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients.addresses import checked_proxy, proxy_from_environment
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout
from vonage_messages.errors import ConfigurationError, InvalidMessageError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from yarl import URL

    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.levels import Limits
    from vonage_messages.pricing import PriceTable

Auth: TypeAlias = ApplicationAuth | BasicAuth


def refuse_basic(auth: object) -> None:
    """Refuse credentials that updates do not take: the reference lists JWT only for PATCH (section 1)."""
    if isinstance(auth, BasicAuth):
        raise ConfigurationError(
            "mark_read and revoke need ApplicationAuth: the platform takes no API key and secret for updates."
        )


def checked_message(message: Message) -> Message:
    """Refuse what is no message, with a ``TypeError``."""
    if not isinstance(message, Message):
        raise TypeError(f"a message such as Sms(…) is needed, not {type(message).__name__}")
    return message


def with_failover(message: Message, failover: Sequence[Message] | None) -> Message:
    """Put *failover* on the message; what cannot be a failover is refused by the message itself."""
    if failover is None:
        return message
    if isinstance(message, RawMessage):
        raise InvalidMessageError([("failover", "must be part of the payload of a RawMessage, not given beside it")])
    if message.failover is not None:
        raise InvalidMessageError([("failover", "is given twice: on the message, and beside it")])
    # Every other message is an attrs class with this field, which its common base does not tell.
    return attrs.evolve(message, failover=failover)  # type: ignore[call-arg]


def checked_chain(messages: Sequence[Message]) -> list[Message]:
    """Refuse an empty chain."""
    chain = list(messages)
    if not chain:
        raise InvalidMessageError([Problem("", "failover() needs one message at least")])
    return chain


def checked_auth(auth: Auth | Callable[[], Awaitable[Auth]]) -> Auth | Callable[[], Awaitable[Auth]]:
    """Refuse what gives no credentials."""
    given: object = auth
    if isinstance(given, (ApplicationAuth, BasicAuth)):
        return auth
    if callable(given) and not isinstance(given, type):
        return auth
    raise ConfigurationError(
        "auth must be an ApplicationAuth, a BasicAuth, or an async function that returns one, not "
        f"{getattr(auth, '__name__', type(auth).__name__)}."
    )


def checked_timeout(timeout: Timeout) -> Timeout:
    """Refuse a bare number: it would not say which time it limits."""
    if not isinstance(timeout, Timeout):
        raise ConfigurationError(
            f"timeout must be a Timeout, such as Timeout(connect=5, total=30), not {type(timeout).__name__}."
        )
    return timeout


def checked_retry(retry: RetryPolicy) -> RetryPolicy:
    """Refuse what is no policy."""
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError(
            f"retry must be a RetryPolicy, not {type(retry).__name__}: RetryPolicy(attempts=1) never repeats."
        )
    return retry


def checked_limiter(limits: Limits | Limiter | None) -> Limiter | None:
    """Make the limiter of a client; refuse what is none."""
    if limits is None:
        return None
    # Without limits neither is needed.
    from vonage_messages.limiter import Limiter  # noqa: PLC0415  see above
    from vonage_messages.turns.turns import checked_limits  # noqa: PLC0415  see above

    if isinstance(limits, Limiter):
        return limits
    return Limiter(checked_limits(limits, "Limits or a Limiter"))


def checked_prices(prices: PriceTable | None) -> PriceTable | None:
    """Refuse what is no price table."""
    if prices is not None and not callable(getattr(prices, "estimate", None)):
        raise ConfigurationError(f"prices must be a PriceTable, not {type(prices).__name__}.")
    return prices


def checked_session(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession | None:
    """Refuse what is no session of aiohttp."""
    if session is not None and not isinstance(session, aiohttp.ClientSession):
        raise ConfigurationError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}.")
    return session


def chosen_proxy(proxy: str | URL | None, base_url: URL, *, trust_env: bool) -> URL | None:
    """Take the proxy that is given, or the one of the environment where that is asked for."""
    if proxy is not None:
        return checked_proxy(proxy, base_url)
    return proxy_from_environment(base_url) if trust_env else None
