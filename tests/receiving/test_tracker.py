"""The tracker: statuses in every order, chains, replies, bounds, and waits that are broken off."""

from __future__ import annotations

import asyncio
import gc
import itertools
from typing import Any

import pytest

from vonage_messages.channels.sms import Sms
from vonage_messages.codes import describe
from vonage_messages.errors import ConfigurationError, NotDeliveredError, WaitTimeoutError
from vonage_messages.receiving.receiver import Receiver
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.receiving.watching import MOST_STATUSES
from vonage_messages.webhooks.routing import Router

from .tracked import CHAIN, FIRST, LONG, SECOND, SENT, inbound, item, observe, status, waiting


async def test_status_that_came_before_the_wait_is_kept() -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted"), status("delivered", at=1))
    assert (await tracker.wait_for(SENT, "delivered", timeout=LONG)).status == "delivered"


async def test_status_that_comes_during_the_wait_ends_it() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for(SENT, "delivered", timeout=LONG))
    await observe(tracker, status("submitted"))
    await asyncio.sleep(0)
    assert not task.done()
    await observe(tracker, status("delivered"))
    assert (await task).status == "delivered"


@pytest.mark.parametrize(
    ("wanted", "arrived"),
    [("submitted", "delivered"), ("submitted", "read"), ("delivered", "read"), ("read", "read")],
)
async def test_status_of_a_higher_rank_answers(wanted: str, arrived: str) -> None:
    tracker = Tracker()
    await observe(tracker, status(arrived))
    assert (await tracker.wait_for(SENT, wanted, timeout=LONG)).status == arrived


@pytest.mark.parametrize(
    ("wanted", "arrived"), [("delivered", "submitted"), ("read", "delivered"), ("delivered", "accepted")]
)
async def test_status_of_a_lower_rank_does_not_answer(wanted: str, arrived: str) -> None:
    tracker = Tracker()
    await observe(tracker, status(arrived))
    with pytest.raises(WaitTimeoutError, match=f"did not become {wanted}"):
        await tracker.wait_for(SENT, wanted, timeout=0.01)


async def test_unknown_status_is_met_by_itself_only() -> None:
    tracker = Tracker()
    await observe(tracker, status("read"))
    with pytest.raises(WaitTimeoutError):
        await tracker.wait_for(SENT, "archived", timeout=0.01)
    await observe(tracker, status("archived"))
    assert (await tracker.wait_for(SENT, "archived", timeout=LONG)).status == "archived"


@pytest.mark.parametrize("failure", ["rejected", "undeliverable"])
@pytest.mark.parametrize("wanted", ["submitted", "delivered", "read"])
async def test_failure_ends_the_wait_with_the_meaning_of_its_code(failure: str, wanted: str) -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for(SENT, wanted, timeout=LONG))
    await observe(tracker, status(failure, code=1300))
    with pytest.raises(NotDeliveredError) as raised:
        await task
    known = describe(1300)
    assert known is not None
    error = raised.value
    assert (error.message_uuid, error.status, error.code) == (FIRST, failure, 1300)
    assert (error.meaning, error.advice) == (known.meaning, known.advice)


@pytest.mark.parametrize("code", [None, 9999])
async def test_failure_without_a_known_code_has_no_meaning(code: int | None) -> None:
    tracker = Tracker()
    await observe(tracker, status("rejected", code=code))
    with pytest.raises(NotDeliveredError) as raised:
        await tracker.wait_for(SENT, timeout=LONG)
    assert (raised.value.code, raised.value.meaning) == (code, "")


async def test_failure_answers_whoever_waits_for_one() -> None:
    tracker = Tracker()
    await observe(tracker, status("undeliverable"))
    assert (await tracker.wait_for(SENT, "rejected", timeout=LONG)).status == "undeliverable"


@pytest.mark.parametrize("order", list(itertools.permutations(["submitted", "rejected", "delivered"])))
async def test_every_order_of_arrival_before_the_wait_ends_alike(order: tuple[str, ...]) -> None:
    tracker = Tracker()
    await observe(tracker, *(status(name) for name in order))
    assert (await tracker.wait_for(SENT, "delivered", timeout=LONG)).status == "delivered"


async def test_error_beside_a_submitted_status_is_no_failure() -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted", code=1000))
    assert (await tracker.wait_for(SENT, "submitted", timeout=LONG)).status == "submitted"


async def test_other_message_is_none_of_ours() -> None:
    tracker = Tracker()
    await observe(tracker, status("delivered", SECOND), status("rejected", SECOND))
    with pytest.raises(WaitTimeoutError):
        await tracker.wait_for(SENT, timeout=0.01)


async def test_uuid_alone_can_be_waited_for() -> None:
    tracker = Tracker()
    await observe(tracker, status("delivered"))
    assert (await tracker.wait_for(FIRST, timeout=LONG)).message_uuid == FIRST


async def test_chain_goes_on_after_a_rejection() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for(CHAIN, timeout=LONG))
    await observe(tracker, status("rejected", code=1300, workflow=item(1, 2)))
    await asyncio.sleep(0)
    assert not task.done()
    await observe(tracker, status("delivered", SECOND, workflow=item(2, 2)))
    assert (await task).message_uuid == SECOND


async def test_chain_has_failed_when_its_last_message_has() -> None:
    tracker = Tracker()
    await observe(
        tracker,
        status("rejected", code=1300, workflow=item(1, 2)),
        status("rejected", SECOND, code=1180, workflow=item(2, 2)),
    )
    with pytest.raises(NotDeliveredError) as raised:
        await tracker.wait_for(CHAIN, timeout=LONG)
    assert (raised.value.message_uuid, raised.value.code) == (SECOND, 1180)


async def test_rejection_that_does_not_tell_its_place_in_a_chain_ends_nothing() -> None:
    tracker = Tracker()
    await observe(tracker, status("rejected", workflow={}))
    with pytest.raises(WaitTimeoutError):
        await tracker.wait_for(CHAIN, timeout=0.01)


@pytest.mark.parametrize("before", [True, False])
async def test_chain_is_followed_from_its_first_uuid_alone(before: bool) -> None:
    tracker = Tracker()
    first = status("rejected", workflow=item(1, 2))
    second = status("delivered", SECOND, workflow=item(2, 2))
    if before:
        await observe(tracker, first, second)
        assert (await tracker.wait_for(FIRST, timeout=LONG)).message_uuid == SECOND
        return
    (task,) = await waiting(tracker, tracker.wait_for(FIRST, timeout=LONG))
    await observe(tracker, first, second)
    assert (await task).message_uuid == SECOND


async def test_older_spelling_of_a_workflow_is_followed() -> None:
    tracker = Tracker()
    older = {"id": "flow", "item_number": "1", "total_items": "1"}
    await observe(tracker, status("rejected", SECOND, workflow=older))
    with pytest.raises(NotDeliveredError):
        await tracker.wait_for(CHAIN, timeout=LONG)


async def test_statuses_come_each_once_and_end_with_the_last() -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted"), status("submitted"))

    async def collect() -> list[str]:
        return [each.status async for each in tracker.statuses(SENT, timeout=LONG)]

    (task,) = await waiting(tracker, collect())
    await observe(tracker, status("submitted"), status("delivered"))
    assert await task == ["submitted", "delivered"]
    assert tracker.waiting == 0


@pytest.mark.parametrize(
    ("channel", "names"),
    [
        ("whatsapp", ["submitted", "delivered", "read"]),
        ("whatsapp", ["read", "submitted", "delivered"]),
        ("mms", ["delivered"]),
        ("sms", ["submitted", "rejected"]),
    ],
)
async def test_statuses_end_as_the_channel_does(channel: str, names: list[str]) -> None:
    tracker = Tracker()
    await observe(tracker, *(status(name, channel=channel) for name in names))
    assert [each.status async for each in tracker.statuses(SENT, timeout=LONG)] == names


async def test_delivered_is_not_the_last_status_where_read_may_follow() -> None:
    tracker = Tracker()
    await observe(tracker, status("delivered", channel="rcs"))
    statuses = aiter(tracker.statuses(SENT, timeout=0.01))
    assert (await anext(statuses)).status == "delivered"
    with pytest.raises(WaitTimeoutError):
        await anext(statuses)


async def test_statuses_of_a_chain_go_over_a_rejection() -> None:
    tracker = Tracker()
    await observe(
        tracker,
        status("rejected", workflow=item(1, 2)),
        status("submitted", SECOND, workflow=item(2, 2)),
        status("delivered", SECOND, workflow=item(2, 2)),
    )
    seen = [(each.message_uuid, each.status) async for each in tracker.statuses(CHAIN, timeout=LONG)]
    assert seen == [(FIRST, "rejected"), (SECOND, "submitted"), (SECOND, "delivered")]


async def test_statuses_that_are_broken_off_leave_no_wait() -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted"))
    async for _ in tracker.statuses(SENT, timeout=LONG):
        break
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert tracker.waiting == 0


async def test_reply_of_the_same_pair_is_found_later_in_time() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, timeout=LONG))
    await observe(tracker, status("submitted"), inbound("No", at=-5), inbound("Yes", at=5))
    assert (await task).content.text == "Yes"


async def test_reply_that_came_before_the_wait_is_kept() -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted"), inbound())
    assert (await tracker.wait_for_reply(SENT, timeout=LONG)).content.text == "Yes"


async def test_reply_that_came_before_the_status_is_found() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, timeout=LONG))
    await observe(tracker, inbound(at=5))
    await asyncio.sleep(0)
    assert not task.done()
    await observe(tracker, status("submitted"))
    assert (await task).content.text == "Yes"


async def test_reply_within_the_second_of_the_message_counts_when_it_came_after() -> None:
    tracker = Tracker()
    await observe(tracker, inbound("Before", at=0), status("submitted", at=0.4), inbound("After", at=0))
    assert (await tracker.wait_for_reply(SENT, timeout=LONG)).content.text == "After"


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "447700900009"},
        {"to": "447700900009"},
        {"channel": "mms", "message_type": "text"},
        {"timestamp": "2026-02-03T12:14:24Z"},
    ],
)
async def test_inbound_message_of_others_is_no_reply(fields: dict[str, Any]) -> None:
    tracker = Tracker()
    await observe(tracker, status("submitted"), inbound(**fields))
    with pytest.raises(WaitTimeoutError, match="was not answered"):
        await tracker.wait_for_reply(SENT, timeout=0.01)


async def test_quoted_message_is_the_one_that_is_answered() -> None:
    tracker = Tracker()
    first, second = await waiting(
        tracker, tracker.wait_for_reply(SENT, timeout=LONG), tracker.wait_for_reply(SECOND, timeout=LONG)
    )
    quoting = {"channel": "whatsapp", "message_type": "text", "context": {"message_uuid": FIRST}}
    await observe(
        tracker,
        status("submitted", channel="whatsapp"),
        status("submitted", SECOND, channel="whatsapp"),
        inbound(**quoting),
    )
    assert (await first).content.text == "Yes"
    await asyncio.sleep(0)
    assert not second.done()
    second.cancel()
    await asyncio.wait([second])


async def test_quoted_message_needs_no_status() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, timeout=LONG))
    await observe(tracker, inbound(channel="whatsapp", message_type="text", context={"message_uuid": FIRST}))
    assert (await task).content.text == "Yes"


async def test_reaction_is_no_reply() -> None:
    tracker = Tracker()
    fields = {"channel": "whatsapp", "message_type": "reaction", "reaction": {"action": "react", "emoji": "x"}}
    await observe(tracker, inbound(**fields, context={"message_uuid": FIRST}))
    with pytest.raises(WaitTimeoutError):
        await tracker.wait_for_reply(SENT, timeout=0.01)


async def test_reply_to_the_second_message_of_a_chain_is_a_reply_to_the_chain() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for_reply(CHAIN, timeout=LONG))
    await observe(
        tracker,
        status("rejected", channel="rcs", workflow=item(1, 2)),
        status("delivered", SECOND, workflow=item(2, 2)),
        inbound(),
    )
    assert (await task).content.text == "Yes"


async def test_reply_is_found_without_statuses_when_the_message_is_given() -> None:
    tracker = Tracker()
    message = Sms(to="447700900000", from_="447700900001", text="Shall we?")
    await observe(tracker, inbound("Earlier", at=100))
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, message=message, timeout=LONG))
    await observe(tracker, inbound("Yes", at=-100))
    assert (await task).content.text == "Yes"


async def test_message_that_comes_again_is_no_reply_to_what_was_sent_since() -> None:
    tracker = Tracker()
    message = Sms(to="447700900000", from_="447700900001", text="Shall we?")
    earlier = inbound("Earlier")
    await observe(tracker, earlier)
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, message=message, timeout=LONG))
    await observe(tracker, earlier, inbound("Yes"))  # a handler behind the tracker had failed
    assert (await task).content.text == "Yes"


async def test_reply_is_not_lost_in_a_flood_of_others() -> None:
    tracker = Tracker(maximum_inbound=2)
    await observe(tracker, status("submitted"))
    (task,) = await waiting(tracker, tracker.wait_for_reply(SENT, timeout=LONG))
    await observe(tracker, inbound(), *(inbound(**{"from": "447700900009"}) for _ in range(10)))
    assert (await task).content.text == "Yes"


async def test_one_reply_answers_every_message_that_is_waited_for() -> None:
    tracker = Tracker()
    tasks = await waiting(
        tracker, tracker.wait_for_reply(SENT, timeout=LONG), tracker.wait_for_reply(SECOND, timeout=LONG)
    )
    await observe(tracker, status("submitted"), status("submitted", SECOND), inbound())
    assert [reply.content.text for reply in await asyncio.gather(*tasks)] == ["Yes", "Yes"]


async def test_cancelled_wait_leaves_nothing_behind() -> None:
    tracker = Tracker()
    tasks = await waiting(
        tracker, tracker.wait_for(SENT), tracker.wait_for_reply(SENT), tracker.wait_for(CHAIN, "read")
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    assert tracker.waiting == 0
    assert not tracker._watches


async def test_status_that_a_cancelled_wait_missed_is_there_for_the_next() -> None:
    tracker = Tracker()
    (task,) = await waiting(tracker, tracker.wait_for(SENT))
    task.cancel()
    await observe(tracker, status("delivered"))
    await asyncio.gather(task, return_exceptions=True)
    assert (await tracker.wait_for(SENT, timeout=LONG)).status == "delivered"


async def test_timed_out_wait_leaves_nothing_behind() -> None:
    tracker = Tracker()
    with pytest.raises(WaitTimeoutError) as raised:
        await tracker.wait_for(SENT, timeout=0.01)
    assert isinstance(raised.value, TimeoutError)
    assert not tracker._watches


async def test_timeout_of_the_caller_stays_the_callers() -> None:
    tracker = Tracker()
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(0.01):
            await tracker.wait_for(SENT, timeout=LONG)
    assert not isinstance(raised.value, WaitTimeoutError)


async def test_memory_is_bounded() -> None:
    tracker = Tracker(maximum=10, maximum_inbound=5)
    for number in range(100):
        flow = {"workflow_id": f"flow-{number}", "items_number": "1", "items_total": "2"}
        await observe(tracker, status("submitted", f"uuid-{number}", workflow=flow), inbound())
    assert {name: len(stories) for name, stories in tracker._stories.items()} == {"message": 10, "workflow": 10}
    assert len(tracker._inbound) == 5


async def test_statuses_of_one_message_are_bounded() -> None:
    tracker = Tracker()
    await observe(tracker, *(status(f"word-{number}") for number in range(200)))
    (story,) = tracker._stories["message"].values()
    assert len(story.statuses) == MOST_STATUSES


async def test_message_that_was_forgotten_is_still_waited_for() -> None:
    tracker = Tracker(maximum=1)
    (task,) = await waiting(tracker, tracker.wait_for(SENT, timeout=LONG))
    await observe(tracker, status("submitted"), status("submitted", SECOND), status("delivered"))
    assert (await task).status == "delivered"


@pytest.mark.parametrize("bounds", [{"maximum": 0}, {"maximum_inbound": 0}])
def test_bound_below_one_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        Tracker(**bounds)


async def test_tracker_hears_from_its_router_beside_other_handlers() -> None:
    router = Router()
    tracker = Tracker(router)
    heard: list[str] = []

    @router.otherwise()
    async def rest(event: Any) -> None:
        heard.append(event.message_uuid)

    receiver = Receiver(router, insecure=True)
    answer = await receiver.receive({}, status("delivered").raw.__repr__().replace("'", '"').encode())
    assert answer.status == 200
    assert heard == [FIRST]
    assert (await tracker.wait_for(SENT, timeout=LONG)).status == "delivered"


async def test_error_tells_no_number() -> None:
    tracker = Tracker()
    await observe(tracker, status("rejected", code=1300))
    with pytest.raises(NotDeliveredError) as raised:
        await tracker.wait_for(SENT, timeout=LONG)
    assert "4477" not in str(raised.value)
    assert "4477" not in repr(tracker)


async def test_a_long_chain_does_not_crowd_out_the_status_that_is_waited_for() -> None:
    tracker = Tracker()
    waiting = asyncio.create_task(tracker.wait_for(CHAIN, "delivered", timeout=LONG))
    await asyncio.sleep(0)
    for number in range(1, 31):
        uuid = f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012}"
        await tracker.observe(status("submitted", uuid, workflow=item(number, 30)))
        last = status("delivered" if number == 30 else "rejected", uuid, workflow=item(number, 30))
        await tracker.observe(last)
    assert (await waiting).status == "delivered"


async def test_words_of_tomorrow_do_not_crowd_out_the_status_that_is_waited_for() -> None:
    tracker = Tracker()
    waiting = asyncio.create_task(tracker.wait_for(SENT, "delivered", timeout=LONG))
    await asyncio.sleep(0)
    for number in range(MOST_STATUSES + 10):
        await tracker.observe(status(f"word-{number}"))
    await tracker.observe(status("delivered"))
    assert (await waiting).status == "delivered"
