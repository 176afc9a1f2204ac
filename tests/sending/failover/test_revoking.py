"""RCS messages that are taken back, once another message stands for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.clients.client import Client
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator

from .chains import RCS, REFUSED, SMS, SOON, WHATSAPP, WINDOW, arrival, told, within

pytestmark = pytest.mark.usefixtures("quiet_clock")


def revoked(message: Any) -> bool:
    return any(update.status == "revoked" for update in message.updates)


async def test_rcs_message_is_revoked_when_the_next_one_is_accepted(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert result.message is SMS
    assert [leg.revoked for leg in result.legs] == [True, False]
    assert revoked(simulator.messages[0])


async def test_rcs_message_stays_when_the_next_one_is_refused(simulator: Simulator, client: Client) -> None:
    result = await Failover([RCS, REFUSED], after=SOON, revoke=True).send(client, Tracker())
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_rcs_message_is_revoked_when_an_earlier_one_arrives_late(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", simulator.messages[0]))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert [leg.revoked for leg in result.legs] == [False, True]
    assert revoked(simulator.messages[1])


async def test_rcs_message_that_failed_is_not_revoked(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await tracker.observe(told("rejected", await arrival(simulator, 1), code=1300))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_nothing_is_revoked_unless_asked_for(simulator: Simulator, client: Client) -> None:
    result = await Failover([RCS, SMS], after=SOON).send(client, Tracker())
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_revoking_that_fails_in_any_way_hides_no_message_that_is_out(
    simulator: Simulator, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def revoke(_message_uuid: str) -> None:
        raise LookupError

    monkeypatch.setattr(client, "revoke", revoke)
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert (result.message, [leg.revoked for leg in result.legs]) == (SMS, [False, False])
    assert "could not be revoked: LookupError" in caplog.text


async def test_revoking_that_is_refused_changes_nothing(
    simulator: Simulator, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    first = await arrival(simulator, 1)
    simulator.state.clear()
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    result = await within(chain)
    assert result.message is SMS
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert f"message {first.message_uuid} could not be revoked: NotFoundError" in caplog.text


async def test_sender_that_cannot_revoke_is_refused_before_anything_is_sent(
    simulator: Simulator, queue: SendQueue
) -> None:
    with pytest.raises(errors.ConfigurationError, match="SendQueue cannot"):
        await Failover([RCS, SMS], revoke=True).send(queue, Tracker())
    assert simulator.messages == []
