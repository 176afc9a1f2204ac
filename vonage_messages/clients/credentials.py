"""Credentials at the moment of an attempt: those that were given, or those that the user's function gives now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.errors import AuthenticationError, ConfigurationError, ConnectError, VonageMessagesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Auth: TypeAlias = ApplicationAuth | BasicAuth

_UNSENT: Final = "_vonage_unsent"


async def current_auth(given: Auth | Callable[[], Awaitable[Auth]], deadline: float) -> Auth:
    """
    Get the credentials, which may take a call of the user's function: until *deadline*, on the clock of the loop.

    What the function raises passes as it is, and ``is_unsent`` knows it. Only an error that leaves open whether
    something was sent does not: it speaks of a request of the function's own.

    Raises:
        ConnectError: there are none in time, or the function was cancelled from within.
        ConfigurationError: the function gave something else.
    """
    if isinstance(given, (ApplicationAuth, BasicAuth)):
        return given
    try:
        async with asyncio.timeout_at(deadline) as limit:
            auth = await given()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectError("auth= was cancelled from within. The request was not sent.") from error
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise ConnectError("auth= gave no credentials in time. The request was not sent.") from error
        if isinstance(error, VonageMessagesError) and error.maybe_sent:
            raise ConnectError(f"auth= raised {type(error).__name__}. The request was not sent.") from error
        _note_unsent(error)
        raise
    if not isinstance(auth, (ApplicationAuth, BasicAuth)):
        raise ConfigurationError(f"auth= must return an ApplicationAuth or a BasicAuth, not {type(auth).__name__}.")
    return auth


def authorization_of(auth: Auth) -> str:
    """Give the ``Authorization`` of a request; where it cannot be made, ``is_unsent`` knows the error."""
    try:
        return auth.authorization()
    except Exception as error:
        _note_unsent(error)
        raise


def _note_unsent(error: Exception) -> None:
    BaseException.__setattr__(error, _UNSENT, True)  # its own class may refuse to be changed


def is_unsent(error: BaseException) -> bool:
    """Tell whether there were no credentials to send with: whatever an error is, nothing has left."""
    return getattr(error, _UNSENT, False) is True


def forget_expired(auth: Auth, authorization: str, error: AuthenticationError) -> None:
    """Have a new token made for the next attempt, where the platform calls this one expired."""
    if isinstance(auth, ApplicationAuth) and error.token_expired:
        auth.invalidate(authorization)


def token_expired(error: BaseException) -> bool:
    """Tell whether the platform called a token expired."""
    return isinstance(error, AuthenticationError) and error.token_expired
