"""
What the Messages Sandbox takes, and what its refusals mean.

Its limits are ``Limits.sandbox()``, its host is in ``hosts.py``.

Reference: External Accounts, section 6.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vonage_messages.errors import APIError, InvalidMessageError, Problem, RateLimitedError

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message

MISSING_CHANNELS: Final = frozenset({"sms", "mms", "rcs", "email"})
"""What the Sandbox does not have. It has WhatsApp, Viber and Messenger; what else it gets is not refused here."""

JOIN_FIRST: Final = (
    "In the Sandbox only people on the allow list are reached: the recipient must join first, with the phrase or the "
    "code that the Sandbox page of the dashboard shows, and belongs to one API key at a time"
)
SLOW_DOWN: Final = (
    "The Sandbox takes one message a second and 100 a month: a client with "
    'limits=Limiter(Limits.sandbox(), store=FileLimitStore("sandbox.json")) keeps to that'
)

_NOT_LISTED: Final = "1160"


def refuse_missing_channel(message: Message) -> None:
    """
    Refuse a message, or one in its failover chain, on a channel that the Sandbox does not have.

    Raises:
        InvalidMessageError: there is one; every one is listed.
    """
    chain = [("", message), *((f"failover[{index}].", each) for index, each in enumerate(_failover_of(message)))]
    problems = [
        Problem(f"{path}channel", f"{each.channel} is not in the Sandbox, which has whatsapp, viber_service, messenger")
        for path, each in chain
        if each.channel in MISSING_CHANNELS
    ]
    if problems:
        raise InvalidMessageError(problems)


def advise(error: APIError) -> None:
    """
    Say with a refusal what it means in the Sandbox.

    The reference does not tell what a recipient who has not joined is answered with. 403, and the code 1160 (not on the
    list), which may as well come in a status, are taken for it.
    """
    if isinstance(error, RateLimitedError):
        error.advice = SLOW_DOWN
    elif error.status == HTTPStatus.FORBIDDEN or error.code == _NOT_LISTED:
        error.advice = JOIN_FIRST


def _failover_of(message: Message) -> tuple[Message, ...]:
    return tuple(getattr(message, "failover", None) or ())
