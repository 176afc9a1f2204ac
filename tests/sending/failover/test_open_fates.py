"""A message whose fate is open: no other one follows, unless word comes of it or the caller takes the risk."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import attrs
import pytest
from aiohttp import web

from vonage_messages import errors
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover, ReferenceTracker
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.wire.rest import SentMessage

from .between import between, fail_503, hang_up
from .chains import LONG, RCS, SMS, SOON, WINDOW, Service, arrival, channels, errors_of, told, within

pytestmark = pytest.mark.usefixtures("quiet_clock")


@pytest.mark.parametrize(("loss", "error"), [(fail_503, errors.ServerError), (hang_up, errors.ResponseLostError)])
async def test_message_of_unknown_fate_is_not_followed(simulator: Simulator, loss: Any, error: type[Exception]) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = loss
        with pytest.raises(error):
            await asyncio.wait_for(Failover([RCS, SMS], after=LONG).send(client, Tracker()), 60)
    assert channels(simulator) == ["rcs"]


async def test_message_of_unknown_fate_without_a_word_of_it_is_not_followed(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        with pytest.raises(errors.ServerError):
            await Failover([RCS, SMS], after=SOON).send(client, ReferenceTracker())
    assert channels(simulator) == ["rcs"]


async def test_message_without_a_reference_is_not_waited_for_when_its_answer_is_lost(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        policy = Failover([attrs.evolve(RCS, client_ref=None), SMS], after=LONG)
        with pytest.raises(errors.ServerError):
            await asyncio.wait_for(policy.send(client, ReferenceTracker()), 60)


@pytest.mark.parametrize("tracker_class", [Tracker, ReferenceTracker])
async def test_caller_may_take_the_risk_of_a_second_message(simulator: Simulator, tracker_class: type[Tracker]) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        policy = Failover([RCS, SMS], after=SOON, on_unknown="continue")
        result = await policy.send(client, tracker_class())
    assert channels(simulator) == ["rcs", "sms"]
    assert errors_of(result) == [errors.ServerError, None]
    assert result.error is None


@pytest.mark.parametrize("on_unknown", ["stop", "continue"])
@pytest.mark.parametrize("loss", [fail_503, hang_up])
async def test_message_whose_answer_was_lost_is_found_by_its_reference(
    service: Service, loss: Any, on_unknown: Any
) -> None:
    async with between(service.simulator) as (middle, client):
        middle.lost["rcs"] = loss
        policy = Failover([RCS, SMS], after=LONG, on_unknown=on_unknown)
        result = await asyncio.wait_for(policy.send(client, service.tracker), 60)
    assert result.message is RCS
    assert result.sent == SentMessage(
        message_uuid=service.simulator.messages[0].message_uuid, client_ref="parcel-1-rcs"
    )
    assert result.legs[0].error is None
    assert channels(service.simulator) == ["rcs"]
    assert service.tracker._references == {}


async def test_message_whose_answer_was_lost_is_followed_when_a_status_says_no(service: Service) -> None:
    service.simulator.fail(1300, channel="rcs")
    async with between(service.simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        result = await asyncio.wait_for(Failover([RCS, SMS], after=LONG).send(client, service.tracker), 60)
    assert result.message is SMS
    assert errors_of(result) == [errors.NotDeliveredError, None]


async def test_late_word_of_an_unknown_message_ends_the_chain(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        tracker = ReferenceTracker()
        policy = Failover([RCS, SMS], after=WINDOW, on_unknown="continue")
        chain = asyncio.create_task(policy.send(client, tracker))
        await arrival(simulator, 2)
        await tracker.observe(told("delivered", simulator.messages[0]))
        result = await within(chain)
    assert result.message is RCS
    assert result.legs[1].sent is not None


async def test_messages_that_share_a_reference_are_not_taken_for_each_other(simulator: Simulator) -> None:
    one = attrs.evolve(RCS, client_ref="parcel-1")
    two = attrs.evolve(RCS, client_ref="parcel-1", text="Once more: your parcel is here.")
    numbers = itertools.count(1)

    def lose_the_second(request: web.Request, passed: web.Response) -> web.Response:
        return passed if next(numbers) == 1 else fail_503(request, passed)

    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = lose_the_second
        tracker = ReferenceTracker()
        chain = asyncio.create_task(Failover([one, two, SMS], after=WINDOW).send(client, tracker))
        first = await arrival(simulator, 1)
        await arrival(simulator, 2)
        await tracker.observe(told("submitted", first))
        result = await within(chain)
    assert isinstance(result.error, errors.ServerError)
    assert result.legs[1].sent is None
    assert channels(simulator) == ["rcs", "rcs"]


@pytest.mark.parametrize(
    "change", [{"to": "447700900009"}, {"channel": "sms"}, {"client_ref": "parcel-2"}, {"client_ref": None}]
)
async def test_status_of_another_message_is_no_word_of_an_unknown_one(
    simulator: Simulator, change: dict[str, Any]
) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        tracker = ReferenceTracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW).send(client, tracker))
        raw = dict(told("delivered", await arrival(simulator, 1)).raw)
        await tracker.observe(parse_status({**raw, **change}))
        with pytest.raises(errors.ServerError):
            await within(chain)
