"""A histogram of answers that outlives the process."""

from __future__ import annotations

import pytest

from vonage_messages.bulk.latencies import Latencies, saved_latencies
from vonage_messages.observe import AttemptFinished, AttemptStarted
from vonage_messages.sending.outbox import Outbox

STARTED = AttemptStarted(operation="send", method="POST", url="http://127.0.0.1/v1/messages", attempt=1)


async def test_answers_are_counted_by_how_long_they_took(outbox: Outbox) -> None:
    latencies = Latencies()
    for duration in (0.010, 0.0101, 0.2):
        latencies.after_attempt(AttemptFinished(started=STARTED, duration=duration, status=202))
    await latencies.save(outbox.store)
    buckets = await saved_latencies(outbox.store)
    assert [bucket.answers for bucket in buckets if bucket.answers] == [2, 1]
    assert buckets[0].begin == pytest.approx(0.010)
    assert buckets[-1].begin <= 0.2 < buckets[-1].end


async def test_request_without_an_answer_is_not_counted(outbox: Outbox) -> None:
    latencies = Latencies()
    latencies.before_attempt(STARTED)
    latencies.after_attempt(AttemptFinished(started=STARTED, duration=30.0, error=TimeoutError()))
    await latencies.save(outbox.store)
    assert await saved_latencies(outbox.store) == ()


async def test_counts_of_several_runs_add_up(outbox: Outbox) -> None:
    for _ in range(2):
        latencies = Latencies()
        latencies.add(0.05)
        await latencies.save(outbox.store)
        await latencies.save(outbox.store)  # what was saved is not saved twice
    assert [bucket.answers for bucket in await saved_latencies(outbox.store)] == [2]


@pytest.mark.parametrize("duration", [0.0, 1e-9, 1e6])
async def test_extremes_fall_into_the_outer_buckets(outbox: Outbox, duration: float) -> None:
    latencies = Latencies()
    latencies.add(duration)
    await latencies.save(outbox.store)
    assert [bucket.answers for bucket in await saved_latencies(outbox.store)] == [1]


@pytest.mark.parametrize("note", ["{broken", "[1, 2]", '{"a": 1}'])
async def test_note_of_another_form_is_begun_anew(outbox: Outbox, note: str) -> None:
    await outbox.store.write_note("bulk latencies", note)
    assert await saved_latencies(outbox.store) == ()
