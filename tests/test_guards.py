"""Guards: asked in order, all or none count a message, and what was certainly not sent is given back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from vonage_messages import BudgetExceededError, ConfigurationError, ConnectError, OptOuts, ResponseLostError, Sms
from vonage_messages.channels.base import Message
from vonage_messages.guards import Admission, Guard, Guards, guards_of

MESSAGE = Sms(to="447700900000", from_="Acme", text="Hello")


class Counting:
    """Lets pass until it is told to refuse."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.counted = 0

    def admit(self, message: Message, /) -> Any:
        assert message is MESSAGE
        if self.refuses:
            raise BudgetExceededError("no more")
        self.counted += 1
        return self.give_back

    def give_back(self) -> None:
        self.counted -= 1


class Silent:
    def admit(self, _message: Message, /) -> None:
        """Let everything pass."""


def test_where_one_refuses_none_counts() -> None:
    guards = [Counting(), Silent(), Counting(), Counting(refuses=True)]
    with pytest.raises(BudgetExceededError):
        Guards(guards).admit(MESSAGE)
    assert [getattr(guard, "counted", 0) for guard in guards] == [0, 0, 0, 0]


def test_checking_counts_nothing() -> None:
    guard = Counting()
    Guards([guard]).check(MESSAGE)
    assert guard.counted == 0


@pytest.mark.parametrize(
    ("error", "counted"),
    [(None, 1), (ConnectError("no"), 0), (ResponseLostError("lost"), 1), (asyncio.CancelledError(), 1), (OSError(), 1)],
)
async def test_only_what_was_certainly_not_sent_is_given_back(error: BaseException | None, counted: int) -> None:
    async def send() -> str:
        if error is not None:
            raise error
        return "sent"

    guard = Counting()
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        assert await Guards([guard]).around(MESSAGE, send) == "sent"
    assert guard.counted == counted


def test_leave_that_is_renewed_counts_once_and_one_that_is_withdrawn_or_refused_not_at_all() -> None:
    first, last = Counting(), Counting()
    admission = Admission(Guards([first, last]), MESSAGE)
    admission.renew()
    assert (first.counted, last.counted) == (1, 1)
    admission.keep()
    admission.renew()
    assert (first.counted, last.counted) == (2, 2)
    last.refuses = True
    with pytest.raises(BudgetExceededError):
        admission.renew()
    admission.withdraw()
    assert (first.counted, last.counted) == (1, 1)  # that of the request which was kept


@pytest.mark.parametrize("guard", [5, None, OptOuts, "admit"])
def test_what_is_no_guard_is_refused(guard: Any) -> None:
    with pytest.raises(ConfigurationError, match="guards must be objects such as OptOuts"):
        guards_of([guard])


def test_no_guards_are_none_at_all() -> None:
    assert guards_of([]) is None
    assert isinstance(OptOuts(), Guard)
