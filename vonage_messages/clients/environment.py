"""Credentials from environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.errors import ConfigurationError
from vonage_messages.values import HiddenText

if TYPE_CHECKING:
    from collections.abc import Mapping

_APPLICATION_VARIABLES = ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY")
_ACCOUNT_VARIABLES = ("VONAGE_API_KEY", "VONAGE_API_SECRET")


class Variables(dict[str, str]):
    """Variables of the environment. They are not shown: error reports show the local variables of frames."""

    def __repr__(self) -> str:
        return f"<{len(self)} variables>"


def auth_from(variables: Mapping[str, str]) -> ApplicationAuth | BasicAuth:
    """
    Choose credentials as the official SDKs do: the application's where it is complete, else the account's.

    Raises:
        ConfigurationError: there are none, or a pair is half given; the sentence names the variable.
    """
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


def account_auth_from(variables: Mapping[str, str]) -> BasicAuth:
    """
    Take the credentials of the account, whatever else there is.

    Raises:
        ConfigurationError: they are missing or half given; the sentence names the variable.
    """
    account = _complete_pair(variables, _ACCOUNT_VARIABLES)
    if account is None:
        raise ConfigurationError(f"no API key in the environment: set {' and '.join(_ACCOUNT_VARIABLES)}.")
    return BasicAuth(*account)


def _complete_pair(variables: Mapping[str, str], names: tuple[str, str]) -> tuple[str, str] | None:
    """Read two variables; one without the other is a mistake, and falling back would hide it."""
    first, second = (HiddenText(variables.get(name, "").strip()) for name in names)
    if not first and not second:
        return None
    if not first or not second:
        missing, given = names if not first else names[::-1]
        raise ConfigurationError(f"{missing} is not set, but {given} is: set both, or neither.")
    return first, second
