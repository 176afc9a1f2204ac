"""What a queue learns from the platform: 429, statuses, headers, expired tokens, and that nobody is there."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limiter import turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outcome import Outcome
from vonage_messages.sending.repetition import MOST_REFUSALS
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.wire.rest import SentMessage

VIRTUAL_CLOCK = True


def now() -> float:
    return asyncio.get_running_loop().time()


def status(code: int, *, channel: str = "whatsapp", to: str = "447700900000", from_: str = "14155550100") -> Any:
    error = {"type": "https://developer.vonage.com/api-errors/messages", "title": str(code), "detail": "Too fast"}
    return parse_status(
        {
            "message_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
            "channel": channel,
            "to": to,
            "from": from_,
            "timestamp": "2026-11-20T10:00:00Z",
            "status": "rejected",
            "error": error,
        }
    )


async def test_refusal_pauses_the_whole_account_for_as_long_as_it_says(tools: Any) -> None:
    platform = tools.Platform(
        lambda message, number: tools.refused(7) if tools.text_of(message) == "3" and not number else None, latency=0.0
    )
    async with tools.queue(platform, Limits(account=Rate(10))) as queue:
        await queue.send_all([tools.sms(number) for number in range(10)])
    gap = platform.requests[4].at - platform.requests[3].at
    assert gap == pytest.approx(7, abs=0.02)
    assert platform.texts[4] == "3"
    assert queue.stats().refused == 1


async def test_pause_of_hours_is_bounded_shown_and_fails_whoever_cannot_wait(tools: Any) -> None:
    platform = tools.Platform(
        lambda message, number: tools.refused(7200) if tools.text_of(message) == "0" and not number else None
    )
    async with tools.queue(platform, Limits(account=Rate(10))) as queue:
        assert queue.stats().pauses == ()
        patient = queue.submit(tools.sms(0))
        hasty = [queue.submit(tools.sms(number, to="447700900999"), max_wait=60) for number in range(1, 4)]
        began = now()
        turns_of(queue.limiter).state.account[0].ready = began + 0.2
        await asyncio.wait(hasty)
        assert now() - began < 1
        for future in hasty:
            error = future.exception()
            assert isinstance(error, errors.LimitTimeoutError)
            assert (error.max_wait, error.key) == (60, "account")
            assert error.wait == pytest.approx(300, abs=2)
        (pause,) = queue.stats().pauses
        assert (pause.key, pause.why) == ("account", "HTTP 429, Retry-After: 7200")
        assert pause.until.timestamp() - time.time() == pytest.approx(300, abs=60)
        await patient
        assert now() - began == pytest.approx(300, abs=2)
        assert queue.stats().pauses == ()


async def test_pause_of_a_sender_fails_who_cannot_wait_for_it_and_is_shown(tools: Any) -> None:
    async with tools.queue(tools.Platform(), Limits(each_sender={"whatsapp": Rate(1)})) as queue:
        futures = [queue.submit(tools.whatsapp(number), max_wait=30) for number in range(5)]
        await asyncio.sleep(0.5)
        began = now()
        queue.observe(status(1460))
        await asyncio.wait(futures)
        assert now() - began < 1
        assert {future.exception().key for future in futures[1:]} == {"sender whatsapp/14*******00"}
        assert [(pause.key, pause.why) for pause in queue.stats().pauses] == [
            ("sender whatsapp/14*******00", "a status says 1460")
        ]


async def test_wait_that_ends_in_an_outage_names_the_outage(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.unreachable(), latency=0.0)
    async with tools.queue(platform, Limits(account=Rate(100)), max_outage=100, retry=RetryPolicy(attempts=1)) as queue:
        for number in range(20):
            queue.submit(tools.sms(number)).add_done_callback(lambda future: future.exception())
        await asyncio.sleep(5)
        assert queue.stats().circuit == "open"
        began = now()
        for span in (0.01, 20):
            with pytest.raises(errors.LimitTimeoutError, match="the platform cannot be reached") as caught:
                await queue.submit(tools.sms(99), max_wait=span)
            assert caught.value.key == "circuit"
            assert now() - began <= span
        with pytest.raises(errors.DeadlineExceededError, match="the platform cannot be reached"):
            await queue.submit(tools.sms(99), expires_in=20)
        await queue.cancel()


async def test_wait_that_no_limit_ends_names_what_does(tools: Any) -> None:
    async with tools.queue(tools.Platform(latency=60.0), connections=1) as queue:
        queue.submit(tools.sms(0))
        await asyncio.sleep(0.1)
        with pytest.raises(errors.LimitTimeoutError) as caught:
            await queue.submit(tools.sms(1), max_wait=5)
        assert caught.value.key == "connections"
        queue.pause()
        with pytest.raises(errors.LimitTimeoutError, match="the queue is paused"):
            await queue.submit(tools.sms(1), max_wait=5)
    async with tools.queue(tools.Platform(latency=60.0)) as queue:
        queue.submit(tools.whatsapp(0))
        with pytest.raises(errors.LimitTimeoutError, match="the message before it") as caught:
            await queue.submit(tools.whatsapp(1), max_wait=5)
        assert caught.value.key == "order"


async def test_policy_that_raises_costs_its_message_a_repetition_and_nobody_anything(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_error: Exception) -> bool:
        raise KeyError("secret words")

    platform = tools.Platform(lambda message, _: tools.lost() if tools.text_of(message) == "0" else None)
    async with tools.queue(platform, connections=1, retry=RetryPolicy(repeat_ambiguous=fails)) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in range(3)])
    assert [type(outcome.error) for outcome in outcomes] == [errors.ResponseLostError, type(None), type(None)]
    assert caplog.messages == ["repeat_ambiguous raised KeyError: the message is not repeated"]


@pytest.mark.parametrize(("policy", "requests"), [(True, 1), (lambda _: True, 2), (lambda _: False, 1)])
async def test_answer_that_cannot_be_read_is_repeated_only_where_a_function_says_so(
    tools: Any, policy: Any, requests: int
) -> None:
    asked: list[type[Exception]] = []

    def ask(error: Exception) -> bool:
        asked.append(type(error))
        return bool(policy(error))

    unreadable = errors.UnexpectedResponseError("the answer is no JSON", 202)
    platform = tools.Platform(lambda _, number: None if number else unreadable)
    retry = RetryPolicy(repeat_ambiguous=ask if callable(policy) else policy)
    async with tools.queue(platform, retry=retry) as queue:
        (outcome,) = await queue.send_all([tools.sms(0)])
    assert (outcome.error is None, len(platform.requests)) == (requests == 2, requests)
    assert outcome.maybe_sent
    assert asked == [errors.UnexpectedResponseError] * callable(policy)


async def test_message_stays_in_doubt_where_its_repetition_is_refused(tools: Any) -> None:
    platform = tools.Platform(lambda _, number: errors.ValidationError(422) if number else tools.lost())
    async with tools.queue(platform, retry=RetryPolicy(repeat_ambiguous=True)) as queue:
        future = queue.submit(tools.sms(0))
        with pytest.raises(errors.ResponseLostError) as caught:
            await future
    assert isinstance(caught.value.__cause__, errors.ValidationError)
    assert future.maybe_sent
    assert (queue.stats().in_doubt, len(platform.requests)) == (1, 2)


@pytest.mark.parametrize("by", ["future", "queue", "loop", "map"])
async def test_message_stays_in_doubt_that_is_cancelled_while_it_waits_for_its_repetition(tools: Any, by: str) -> None:
    outcomes: list[Outcome] = []
    platform = tools.Platform(lambda *_: tools.lost())
    retry = RetryPolicy(repeat_ambiguous=True, base_delay=1e9, max_delay=1e9)  # a random part of it
    queue = tools.queue(platform, retry=retry, on_outcome=outcomes.append)
    future = None if by == "map" else queue.submit(tools.sms(0))
    stream = queue.map([tools.sms(0)])
    taking = asyncio.create_task(anext(stream)) if by == "map" else None
    await asyncio.sleep(0.5)
    assert len(queue) == 1
    if future is not None:
        assert (future.state, future.maybe_sent) == ("queued", True)
    if by == "future":
        future.cancel()
        assert len(queue) == 0
    elif by == "loop":
        for worker in queue._engine._workers:
            worker.cancel()
        await asyncio.sleep(0)
    elif taking is not None:
        taking.cancel()
        await asyncio.wait([taking])
    await queue.cancel()
    (outcome,) = outcomes
    assert isinstance(outcome.error, errors.ResponseLostError)
    assert (queue.stats().in_doubt, queue.stats().cancelled) == (1, 0)
    if future is not None:
        assert future.maybe_sent
        assert future.cancelled() or isinstance(future.exception(), errors.ResponseLostError)


async def test_refusal_halves_the_rate_and_it_comes_back_bit_by_bit(tools: Any) -> None:
    platform = tools.Platform(
        lambda message, number: tools.refused(1) if tools.text_of(message) == "20" and not number else None, latency=0.0
    )
    async with tools.queue(platform, Limits(account=Rate(20))) as queue:
        for number in range(600):
            await queue.put(tools.sms(number))
        await asyncio.sleep(2.2)
        assert queue.stats().slowed == ("account",)
        await queue.drain()
        assert queue.stats().slowed == ()
    paused = platform.requests[21].at
    slow = sum(paused <= request.at < paused + 1 for request in platform.requests)
    later = sum(paused + 15 <= request.at < paused + 16 for request in platform.requests)
    assert 9 <= slow <= 13
    assert later == pytest.approx(20, abs=1)


async def test_account_without_a_limit_of_its_own_is_slowed_too(tools: Any) -> None:
    platform = tools.Platform(
        lambda message, number: tools.refused(2) if tools.text_of(message) == "50" and not number else None,
        latency=0.1,
    )
    async with tools.queue(platform, connections=10) as queue:
        await queue.send_all([tools.sms(number) for number in range(200)])
    gaps = [later - earlier for earlier, later in zip(platform.instants, platform.instants[1:], strict=False)]
    assert max(gaps) >= 1.9
    assert len(platform.accepted) == 200


async def test_storm_of_refusals_loses_nothing_and_sends_nothing_twice(tools: Any) -> None:
    """The platform takes 10 a second; the queue believes in 100."""
    bucket = {"tokens": 10.0, "at": 0.0}

    def script(_message: Any, _number: int) -> BaseException | None:
        instant = now()
        bucket["tokens"] = min(10.0, bucket["tokens"] + 10 * (instant - bucket["at"]))
        bucket["at"] = instant
        if bucket["tokens"] < 1:
            refusal: BaseException = tools.refused(1)
            return refusal
        bucket["tokens"] -= 1
        return None

    told: list[Outcome] = []
    platform = tools.Platform(script, latency=0.1)
    async with tools.queue(platform, Limits(account=Rate(100)), on_outcome=told.append) as queue:
        for number in range(300):
            await queue.put(tools.sms(number))
        await queue.drain()
    accepted = [tools.text_of(message) for message in platform.accepted]
    assert sorted(accepted, key=int) == [str(number) for number in range(300)]
    assert len(told) == 300
    assert all(outcome.sent for outcome in told)
    assert queue.stats().refused < 300


async def test_message_that_is_always_refused_fails_in_the_end(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.refused(0.1))
    async with tools.queue(platform) as queue:
        with pytest.raises(errors.RateLimitedError):
            await queue.submit(tools.sms(1))
    assert len(platform.requests) == MOST_REFUSALS + 1


async def test_expired_token_is_renewed_once(tools: Any) -> None:
    expired = errors.AuthenticationError(401, type="https://developer.vonage.com/api-errors#jwt-expired")
    platform = tools.Platform(tools.first(1, lambda: expired))
    always = tools.Platform(lambda *_: expired)
    async with tools.queue(platform) as queue:
        await queue.submit(tools.sms(1))
    async with tools.queue(always) as queue:
        with pytest.raises(errors.AuthenticationError):
            await queue.submit(tools.sms(1))
    assert len(platform.requests) == len(always.requests) == 2


async def test_connection_that_did_not_come_about_is_tried_again_as_the_policy_says(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.unreachable())
    async with tools.queue(platform, retry=RetryPolicy(attempts=4)) as queue:
        future = queue.submit(tools.sms(1))
        with pytest.raises(errors.ConnectError):
            await future
    assert len(platform.requests) == 4


async def test_repetitions_end_with_their_reserve(tools: Any) -> None:
    """One in two connections fails, so that the circuit stays closed."""
    platform = tools.Platform(lambda message, _: tools.unreachable() if int(tools.text_of(message)) % 2 else None)
    async with tools.queue(platform, connections=1, retry=RetryPolicy(attempts=3, budget=5, refill=0)) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in range(40)])
    assert sum(outcome.sent is None for outcome in outcomes) == 20
    assert len(platform.requests) == 40 + 5


@pytest.mark.parametrize("failure", ["lost", "server", "unexpected"])
async def test_what_may_have_been_sent_is_never_sent_again(tools: Any, failure: str) -> None:
    failed = {
        "lost": errors.ResponseLostError("lost"),
        "server": errors.ServerError(503),
        "unexpected": errors.UnexpectedResponseError("odd"),
    }[failure]
    platform = tools.Platform(lambda *_: failed)
    async with tools.queue(platform) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in range(20)])
    assert len(platform.requests) == 20
    assert all(outcome.maybe_sent for outcome in outcomes)
    assert queue.stats().in_doubt == 20


async def test_dead_platform_is_probed_and_messages_go_when_it_is_back(tools: Any) -> None:
    back_at = now() + 60
    platform = tools.Platform(lambda *_: tools.unreachable() if now() < back_at else None, latency=0.01)
    async with tools.queue(platform, retry=RetryPolicy(attempts=10)) as queue:
        for number in range(1000):
            await queue.put(tools.sms(number))
        await asyncio.sleep(55)
        during = len(platform.requests)
        assert queue.stats().circuit == "open"
        began = now()
        await queue.drain()
        assert now() - began < 40
    assert during < 64 + 10 + 10
    assert queue.stats().accepted == 1000
    assert queue.stats().circuit == "closed"


async def test_messages_of_a_platform_that_stays_away_fail_after_the_longest_outage(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.unreachable(), latency=0.01)
    async with tools.queue(platform, max_outage=120, retry=RetryPolicy(attempts=10)) as queue:
        began = now()
        outcomes = await queue.send_all([tools.sms(number) for number in range(100)])
        assert 120 <= now() - began <= 160
    assert {type(outcome.error) for outcome in outcomes} == {errors.CircuitOpenError}
    assert not any(outcome.maybe_sent for outcome in outcomes)
    assert len(platform.requests) < 90


async def test_platform_that_only_fails_is_not_waited_for_any_longer(tools: Any) -> None:
    def fail(*_: object) -> None:
        raise errors.ServerError(503)

    platform = tools.Platform(fail, latency=0.01)
    async with tools.queue(platform, max_outage=120) as queue:
        began = now()
        outcomes = await queue.send_all([tools.sms(number) for number in range(200)])
        assert now() - began <= 160
    kinds = {type(outcome.error) for outcome in outcomes}
    assert kinds == {errors.ServerError, errors.CircuitOpenError}
    assert len([outcome for outcome in outcomes if outcome.maybe_sent]) == len(platform.requests) < 90


async def test_time_out_around_a_queue_leaves_nothing_sending(tools: Any) -> None:
    platform = tools.Platform(latency=0.01)
    queue = tools.queue(platform, Limits(account=Rate(1)))

    async def fill() -> None:
        async with asyncio.timeout(2.5), queue:
            for number in range(50):
                await queue.put(tools.sms(number))

    with pytest.raises(TimeoutError):
        await fill()
    left = len(platform.requests)
    assert left <= 4
    await asyncio.sleep(30)
    assert len(platform.requests) == left
    assert len(queue) == 0


async def test_queue_can_be_used_again_after_an_outage(tools: Any) -> None:
    down = True
    platform = tools.Platform(lambda *_: tools.unreachable() if down else None, latency=0.01)
    limits = Limits(each_sender={"whatsapp": Rate(5)}, pairs={"whatsapp": Rate(1, per=6)})
    async with tools.queue(platform, limits, max_outage=20, retry=RetryPolicy(attempts=10)) as queue:
        await queue.send_all([tools.whatsapp(number, to=str(447700900000 + number % 10)) for number in range(60)])
        down = False
        outcomes = await queue.send_all(
            [tools.whatsapp(number, to=str(447700900000 + number % 10)) for number in range(60)]
        )
    assert all(outcome.sent for outcome in outcomes)


async def test_probe_whose_hook_fails_is_followed_by_another(tools: Any) -> None:
    down = True
    hooks = 0

    async def hook(_message: object) -> None:
        nonlocal hooks
        hooks += 1
        if queue.stats().circuit != "closed" and hooks % 2:
            raise KeyError("row")

    platform = tools.Platform(lambda *_: tools.unreachable() if down else None, latency=0.01)
    queue = tools.queue(platform, before_send=hook, retry=RetryPolicy(attempts=10))
    for number in range(50):
        await queue.put(tools.sms(number))
    await asyncio.sleep(5)
    down = False
    await queue.drain()
    await queue.close()
    assert queue.stats().circuit == "closed"
    assert queue.stats().accepted >= 45


@pytest.mark.parametrize("code", [131056, 1461])
async def test_status_that_a_pair_was_too_fast_slows_that_pair_only(tools: Any, code: int) -> None:
    platform = tools.Platform(latency=0.0)
    async with tools.queue(platform, Limits(account=Rate(100))) as queue:
        queue.observe(status(code))
        began = now()
        await queue.submit(tools.whatsapp(1, to="447700900001"))
        assert now() - began < 1
        await queue.submit(tools.whatsapp(2, to="447700900000"))
        assert now() - began >= 6
        assert queue.stats().slowed == ("pair whatsapp/14*******00/44********00",)


@pytest.mark.parametrize(("code", "pause"), [(130429, 1.0), (1241, 1.0), (1460, 3600.0)])
async def test_status_that_a_sender_was_too_fast_slows_that_sender_only(tools: Any, code: int, pause: float) -> None:
    async with tools.queue(tools.Platform(latency=0.0), Limits(account=Rate(100))) as queue:
        queue.observe(status(code))
        began = now()
        await queue.submit(tools.whatsapp(1, from_="14155550199"))
        assert now() - began < 0.5
        await queue.submit(tools.whatsapp(2))
        assert now() - began == pytest.approx(pause, abs=0.1)


async def test_other_statuses_change_nothing(tools: Any) -> None:
    async with tools.queue(tools.Platform(latency=0.0)) as queue:
        queue.observe(status(1320))
        began = now()
        await queue.submit(tools.whatsapp(1))
        assert now() == began
        assert queue.stats().slowed == ()


async def test_header_that_nothing_remains_pauses_the_account(tools: Any) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(time.time() + 20)}
    used_up = SentMessage(message_uuid="uuid", headers=headers)
    platform = tools.Platform(lambda message, _: used_up if tools.text_of(message) == "0" else None, latency=0.0)
    async with tools.queue(platform, Limits(account=Rate(10))) as queue:
        await queue.send_all([tools.sms(number) for number in range(3)])
    assert platform.instants[1] == pytest.approx(20, abs=2)
