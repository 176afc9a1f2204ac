"""Checks of what a ``Receiver`` is given."""

from __future__ import annotations

import logging
from typing import Any

from vonage_messages.errors import ConfigurationError
from vonage_messages.logs import LogEvent, about
from vonage_messages.webhooks.signing import SignatureVerifier

logger = logging.getLogger("vonage_messages")


def check_security(verifier: SignatureVerifier | None, *, insecure: bool) -> None:
    """
    Refuse to take callbacks from anybody, unless that is said.

    Raises:
        ConfigurationError: there is no verifier, none that is one, or both are asked for.
    """
    if verifier is None and insecure is not True:
        raise ConfigurationError(
            "webhooks need a verifier: verifier=SignatureVerifier(secret). To take unsigned callbacks from anybody, "
            "write insecure=True."
        )
    if verifier is not None and not callable(getattr(verifier, "verify", None)):
        raise ConfigurationError(
            f"verifier must be a SignatureVerifier, not {type(verifier).__name__}: write SignatureVerifier(secret)."
        )
    if verifier is not None and insecure:
        raise ConfigurationError("verifier= and insecure=True contradict each other: leave one out.")
    if verifier is None:
        logger.warning(
            "webhooks are received without checking their signatures (insecure=True)",
            extra=about(LogEvent.WEBHOOK_INSECURE),
        )


def checked_positive(value: float, name: str) -> Any:
    """
    Give *value* back.

    Raises:
        ConfigurationError: it is not more than 0.
    """
    if not value > 0:
        raise ConfigurationError(f"{name} must be more than 0, not {value!r}.")
    return value
