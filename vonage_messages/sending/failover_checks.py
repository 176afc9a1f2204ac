"""What a ``Failover`` can be made of, and who can send it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Message
from vonage_messages.errors import (
    ConfigurationError,
    InvalidMessageError,
    Problem,
)

if TYPE_CHECKING:
    from vonage_messages.sending.failover import Failover

_NOT_FOR_A_POLICY: Final = frozenset({"dry_run", "failover"})


def finite(_policy: object, _field: object, value: object) -> None:
    """Check a number of seconds, as attrs validators do."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"Failover after must be more than 0 and finite (seconds), not {value!r}.")


def one_of(*words: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Make a validator that takes these words only."""

    def check(_policy: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            raise ConfigurationError(f"Failover {field.name} must be one of {', '.join(words)}, not {value!r}.")

    return check


def to_messages(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Turn what is given into a tuple. Never raises: what is no list is refused by the rule."""
    return rules.as_tuple(messages)  # type: ignore[return-value]  # see above


def chain_of_messages(_policy: object, _field: object, messages: object) -> None:
    """Check the messages of a policy, as attrs validators do."""
    problems = list(_problems(messages))
    if problems:
        raise InvalidMessageError(problems, "Failover")


def _problems(messages: object) -> Iterator[Problem]:
    if not isinstance(messages, tuple):
        yield Problem("messages", f"must be a list of messages, not {type(messages).__name__}")
        return
    if not messages:
        yield Problem("messages", "must hold one message at least")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Message):
            yield Problem(where, f"must be a message, not {type(message).__name__}")
        elif message.failover is not None:
            # The platform would go on with its own chain beside this one, and send what nobody can stop.
            yield Problem(f"{where}.failover", "must not be set: put these messages into the policy instead")
        elif message in messages[:index]:
            yield Problem(where, f"must not be messages[{messages.index(message)}] once more")


def check_sending(policy: Failover, sender: object, options: Mapping[str, object]) -> None:
    """
    Refuse what cannot be sent.

    Raises:
        ConfigurationError: in one sentence.
    """
    if isinstance(sender, type) or not any(callable(getattr(sender, name, None)) for name in ("submit", "send")):
        what = f"the class {sender.__name__}" if isinstance(sender, type) else type(sender).__name__
        raise ConfigurationError(f"a Failover is sent by a Client or a SendQueue, not by {what}.")
    refused = sorted(_NOT_FOR_A_POLICY & options.keys())
    if refused:
        raise ConfigurationError(f"{' and '.join(refused)} cannot be given to a Failover: it sends, one by one.")
    if policy.revoke and not callable(getattr(sender, "revoke", None)):
        raise ConfigurationError(
            f"Failover(revoke=True) needs a sender that can revoke, such as a Client; {type(sender).__name__} cannot."
        )
