"""Chains and options that cannot work, refused before anything is sent; and what a policy shows of itself."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from vonage_messages import errors
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients.client import Client
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover, FailoverResult
from vonage_messages.simulator import Simulator

from .chains import RCS, SMS, TO

pytestmark = pytest.mark.usefixtures("quiet_clock")


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "must hold one message at least"),
        (SMS, "must be a list of messages, not Sms"),
        ("sms", "must be a list of messages, not str"),
        ([SMS, "sms"], "messages[1]: must be a message, not str"),
        ([RCS, SMS, RCS], "messages[2]: must not be messages[0] once more"),
        ([attrs.evolve(RCS, failover=[SMS])], "messages[0].failover: must not be set"),
        ([RawMessage({"channel": "rcs", "failover": [{"channel": "sms"}]})], "messages[0].failover: must not be set"),
    ],
)
def test_chain_that_cannot_be_sent_is_refused(messages: Any, problem: str) -> None:
    with pytest.raises(errors.InvalidMessageError) as raised:
        Failover(messages)
    assert problem in str(raised.value)


def test_every_problem_of_a_chain_is_listed() -> None:
    with pytest.raises(errors.InvalidMessageError) as raised:
        Failover([SMS, SMS, "sms"])  # type: ignore[list-item]  # the point of the test
    assert [problem.path for problem in raised.value.problems] == ["messages[1]", "messages[2]"]


@pytest.mark.parametrize(
    "options",
    [
        *({"after": value} for value in (0, -1, float("inf"), float("nan"), True, "60", None)),
        *({"until": value} for value in ("rejected", "arrived", "", None)),
        *({"on_unknown": value} for value in ("raise", True)),
    ],
)
def test_option_that_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match=f"Failover {next(iter(options))} must be"):
        Failover([SMS], **options)


@pytest.mark.parametrize("option", ["dry_run", "failover"])
async def test_option_that_would_change_what_send_does_is_refused(
    simulator: Simulator, client: Client, option: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=option):
        await Failover([SMS]).send(client, Tracker(), **{option: True})
    assert simulator.messages == []


def test_policy_takes_any_iterable_of_messages_and_compares_by_content() -> None:
    assert Failover(message for message in (RCS, SMS)) == Failover([RCS, SMS])
    assert Failover([RCS, SMS]) != Failover([SMS, RCS])


@pytest.mark.parametrize("value", [Failover([SMS]), FailoverResult(message=SMS)])
def test_text_and_number_do_not_show(value: object) -> None:
    assert "parcel" not in repr(value)
    assert TO not in repr(value)
