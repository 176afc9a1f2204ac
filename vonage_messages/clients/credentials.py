"""Credentials at the moment of an attempt: those that were given, or those that the user's function gives now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.errors import AuthenticationError, ConfigurationError, ConnectError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Auth: TypeAlias = ApplicationAuth | BasicAuth


async def current_auth(given: Auth | Callable[[], Awaitable[Auth]], deadline: float) -> Auth:
    """
    Get the credentials, which may take a call of the user's function: until *deadline*, on the clock of the loop.

    Raises:
        ConnectError: there are none in time.
        ConfigurationError: the function gave something else.
    """
    if isinstance(given, (ApplicationAuth, BasicAuth)):
        return given
    try:
        async with asyncio.timeout_at(deadline) as limit:
            auth = await given()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise ConnectError("auth= gave no credentials in time. The request was not sent.") from error
    if not isinstance(auth, (ApplicationAuth, BasicAuth)):
        raise ConfigurationError(f"auth= must return an ApplicationAuth or a BasicAuth, not {type(auth).__name__}.")
    return auth


def forget_expired(auth: Auth, authorization: str, error: AuthenticationError) -> None:
    """Have a new token made for the next attempt, where the platform calls this one expired."""
    if isinstance(auth, ApplicationAuth) and error.token_expired:
        auth.invalidate(authorization)


def token_expired(error: BaseException) -> bool:
    """Tell whether the platform called a token expired."""
    return isinstance(error, AuthenticationError) and error.token_expired
