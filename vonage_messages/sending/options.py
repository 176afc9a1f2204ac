"""
What a queue refuses before it does anything: options and arguments that cannot work.

Every check raises a ``ConfigurationError``, whose sentence names the option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.errors import ConfigurationError
from vonage_messages.limiter import Limiter
from vonage_messages.limits.places import Priority
from vonage_messages.values import is_finite

if TYPE_CHECKING:
    from vonage_messages.limits.levels import Limits
    from vonage_messages.limits.store import LimitStore


def chosen_limiter(of_client: Limiter | None, limits: Limits | Limiter | None, store: LimitStore | None) -> Limiter:
    """
    Choose what keeps the limits of a queue: the client's limiter, the one that is given, or a new one.

    Raises:
        ValueError: the client has limits, and *limits* are others.
        ConfigurationError: *store* would belong to a limiter that has one already.
    """
    if of_client is None:
        if not isinstance(limits, Limiter):
            return Limiter(limits, store=store)
        if store is not None:
            raise ConfigurationError("store= belongs to the Limiter that is given as limits=.")
        return limits
    if store is not None:
        raise ConfigurationError("the client has limits of its own: their store belongs to its Limiter.")
    if limits is None or limits is of_client or limits == of_client.limits:
        return of_client
    raise ValueError(
        "the client has limits, and the queue was given others: a message would be charged under one and not under "
        "the other. Give them to one of the two."
    )


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number of 1 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of 1 or more, not {value!r}.")


def check_client(value: object) -> None:
    """Refuse what makes no requests."""
    if isinstance(value, type) or not callable(getattr(value, "attempt", None)):
        what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        raise ConfigurationError(f"client must be a Client, such as Client(auth), and not be {what}.")


def check_retry(value: object) -> None:
    """Refuse what is no policy."""
    if value is not None and not isinstance(value, RetryPolicy):
        raise ConfigurationError(
            f"retry must be a RetryPolicy, such as RetryPolicy(attempts=5), not {type(value).__name__}."
        )


def check_span(name: str, value: object, *, optional: bool = True) -> None:
    """Refuse what is no span of time; ``None`` is none at all, where that is *optional*."""
    if value is None and optional:
        return
    if not is_finite(value) or value <= 0:
        raise ConfigurationError(f"{name} must be a finite number of seconds above 0, not {value!r}.")


def check_in_doubt(value: object) -> None:
    """Refuse what is no policy for rows that are in doubt."""
    if value not in ("leave", "resend"):
        raise ConfigurationError(f'in_doubt must be "leave" or "resend", not {value!r}.')


def check_priority(value: object) -> None:
    """Refuse what is no priority; its bare number will do."""
    if value.__class__ is Priority:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value not in Priority.__members__.values():
        raise ConfigurationError(f"priority must be a Priority, such as Priority.HIGH, not {value!r}.")


def check_callable(name: str, value: object) -> None:
    """Refuse what cannot be called."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name} must be a function, not {type(value).__name__}.")
