"""What is left of every limit: what is unknown, what the platform teaches, and what a snapshot keeps."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.buckets import Bucket, Window
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import MOST_LOSSES, SLOWEST, LimitState

DAY = 86_400.0
UNIX = 1_790_000_000.0
PUBLISHED = Limits.published()


def message(to: str = "447700900000", channel: str = "whatsapp", sender: str = "14155550100") -> RawMessage:
    return RawMessage({"channel": channel, "message_type": "text", "from": sender, "to": to})


def spend(state: LimitState, now: float, sent: RawMessage | None = None) -> int:
    """Let as many leave at *now* as may."""
    gates = (*state.account, *state.gates(sent or message()))
    for number in range(2000):
        if any(gate.ready > now for gate in gates):
            return number
        for gate in gates:
            gate.spend(now)
    raise AssertionError("there is no end to it")


def handed_on(old: LimitState, limits: Limits, *, at: float, last: bool, later: float = 0.0) -> LimitState:
    """Save at *at*, and load on another clock *later* seconds after."""
    snapshot = json.loads(json.dumps(old.snapshot(at, UNIX, last=last), allow_nan=False))
    state = LimitState(limits, 7.0)
    state.load(snapshot, 7.0, UNIX + later)
    return state


def rates_of(state: LimitState) -> list[float]:
    return [1 / gate.interval for gate in state.account]


def test_burst_is_taken_for_spent_where_nothing_is_known() -> None:
    state = LimitState(Limits(pairs={"whatsapp": Rate(1, per=6.0, burst=45)}), 100.0)

    assert spend(state, 100.0) == 1


def test_burst_comes_back_with_time_where_nothing_is_known() -> None:
    state = LimitState(Limits(pairs={"whatsapp": Rate(1, per=6.0, burst=45)}), 100.0)

    assert spend(state, 112.0) == 3


def test_store_that_knows_of_nothing_gives_the_whole_burst() -> None:
    state = LimitState(Limits(pairs={"whatsapp": Rate(1, per=6.0, burst=45)}), 100.0)
    state.load({"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {}}, 100.0, UNIX)

    assert spend(state, 100.0) == 45


def test_last_snapshot_hands_on_exactly_what_is_left() -> None:
    limits = Limits(account=Rate(1, burst=10))
    old = LimitState(limits, 0.0)
    spend(old, 100.0)
    state = handed_on(old, limits, at=100.0, last=True, later=4.0)

    assert spend(state, 7.0) == 4


def test_snapshot_that_was_not_the_last_leaves_no_burst_and_no_place_at_once() -> None:
    limits = Limits(account=Rate(1, burst=10))
    state = handed_on(LimitState(limits, 0.0), limits, at=100.0, last=False, later=50.0)

    assert spend(state, 7.999) == 0
    assert spend(state, 8.0) == 1


def test_pair_that_an_unclean_snapshot_does_not_name_is_taken_for_spent_too() -> None:
    state = handed_on(LimitState(PUBLISHED, 0.0), PUBLISHED, at=100.0, last=False)

    assert spend(state, 7.0 + 5.9) == 0
    assert spend(state, 7.0 + 6.0) == 1


def test_pause_outlives_a_restart_and_says_so() -> None:
    limits = Limits(account=Rate(1), senders={"14155550100": Rate(1)})
    old = LimitState(limits, 0.0)
    gates = old.gates(message())
    for gate in gates:
        gate.pause(160.0)
    state = handed_on(old, limits, at=100.0, last=True, later=20.0)

    assert [gate.ready for gate in state.gates(message())] == pytest.approx([47.0] * len(gates))
    why = "it was paused, or used up, before this process began"
    assert state.pauses(7.0) == [(gate.key, pytest.approx(47.0), why) for gate in state.gates(message())]


def test_used_cap_stays_used_over_a_restart() -> None:
    limits = Limits(account=Cap(5))
    old = LimitState(limits, 0.0)
    assert spend(old, 100.0) == 5
    state = handed_on(old, limits, at=100.0, last=True, later=3600.0)

    assert spend(state, 7.0) == 0
    assert spend(state, 7.0 + DAY) == 5


@pytest.mark.parametrize("kills", [1, 2, 5])
def test_cap_is_not_passed_however_often_the_process_is_killed_before_it_saves(kills: int) -> None:
    limits = Limits(senders={"14155550100": Cap(3)})
    sent = 0
    snapshot: dict[str, Any] = {"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {}}
    for number in range(kills):
        state = LimitState(limits, 7.0)
        state.keep_in_store()
        state.load(snapshot, 7.0, UNIX + number)
        snapshot = json.loads(json.dumps(state.snapshot(7.0, UNIX + number)))
        sent += spend(state, 7.0)  # and it is killed before anything of that is saved

    assert sent == min(kills, 3)


def test_loss_of_a_key_that_the_next_process_did_not_touch_is_not_forgotten() -> None:
    limits = Limits(senders={"14155550100": Cap(2)})
    first = LimitState(limits, 7.0)
    first.keep_in_store()
    snapshot = first.snapshot(7.0, UNIX)
    assert spend(first, 7.0) == 1
    second = LimitState(limits, 7.0)
    second.load(snapshot, 7.0, UNIX + 1)
    third = handed_on(second, limits, at=7.0, last=True, later=2.0)

    assert spend(third, 7.0) == 1


def test_losses_of_a_process_that_dies_all_the_time_do_not_pile_up() -> None:
    limits = Limits(senders={"14155550100": Cap(1000)})
    state = LimitState(limits, 7.0)
    spend(state, 7.0, message(sender="14155550100"))
    for _ in range(MOST_LOSSES + 50):
        state = handed_on(state, limits, at=7.0, last=False, later=1.0)
    snapshot = state.snapshot(7.0, UNIX)

    assert len(snapshot["losses"]) == MOST_LOSSES
    assert len(snapshot["counted"]["sender 14155550100"]) <= MOST_LOSSES + 2
    assert spend(state, 7.0) == 0


@pytest.mark.parametrize("set_back", [3600.0, 10 * DAY])
def test_clock_that_was_set_back_lengthens_no_wait(set_back: float) -> None:
    limits = Limits(account=(Rate(1, per=60.0), Cap(5)))
    old = LimitState(limits, 0.0)
    spend(old, 100.0)
    state = handed_on(old, limits, at=100.0, last=True, later=-set_back)

    assert max(gate.ready for gate in state.account) <= 7.0 + 60.0
    assert spend(state, 7.0) == 0


def test_snapshot_keeps_what_this_process_did_not_touch() -> None:
    limits = Limits(senders={"14155550100": Cap(1)}, pairs={"whatsapp": Rate(1, per=600.0)})
    old = LimitState(limits, 0.0)
    spend(old, 1000.0)
    between = handed_on(old, limits, at=1000.0, last=True)
    state = handed_on(between, limits, at=7.0, last=True)

    assert spend(state, 7.0) == 0
    assert spend(state, 7.0, message("447700900001")) == 0


def test_burst_that_lasts_for_weeks_is_remembered_as_long() -> None:
    limits = Limits(pairs={"whatsapp": Rate(1, per=DAY, burst=30)})
    old = LimitState(limits, -1000 * DAY)
    for _ in range(20):
        old.gates(message())[0].spend(0.0)
    between = handed_on(old, limits, at=0.0, last=True)
    state = handed_on(between, limits, at=7.0, last=True)

    assert spend(state, 7.0) == 10


def test_what_was_spent_before_the_store_was_read_stays_spent() -> None:
    limits = Limits(account=Rate(1, burst=10))
    state = LimitState(limits, 7.0)
    assert spend(state, 7.0) == 1
    state.load({"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {}}, 7.0, UNIX)

    assert spend(state, 7.5) == 0


def test_idle_limits_are_not_written() -> None:
    state = LimitState(PUBLISHED, 0.0)
    spend(state, 10.0)

    assert state.snapshot(10_000.0, UNIX, last=True)["ready"] == {}


@pytest.mark.each(
    "broken",
    [
        {},
        {"version": 2},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {"account": math.nan}, "counted": {}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {"account": math.inf}, "counted": {}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {"account": "soon"}, "counted": {}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {"account": [[1.0]]}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {"account": [[None, 1]]}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": [], "counted": {}},
        {"version": 1, "saved_at": UNIX, "last": True, "ready": {}, "counted": {}, "losses": [None]},
        {"version": 1, "saved_at": math.nan, "last": True, "ready": {}, "counted": {}},
    ],
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(broken: dict[str, Any]) -> None:
    state = LimitState(Limits(account=Rate(1, burst=5)), 7.0)

    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        state.load(broken, 7.0, UNIX)

    assert spend(state, 7.0) == 1


def test_refusal_pauses_and_halves_and_time_wins_it_back() -> None:
    state = LimitState(Limits(account=Rate(30)), 0.0)
    state.refused(10.0, 2.0, 25.0)

    assert state.account[0].ready == 12.0
    assert rates_of(state) == pytest.approx([15.0])
    state.recover(17.0)
    assert rates_of(state) == pytest.approx([15.0 + 5.0 * 1.5])
    state.recover(22.0)
    assert rates_of(state) == [30.0]
    assert state.slowed == ()


def test_refusals_of_one_moment_count_once() -> None:
    state = LimitState(Limits(account=Rate(30)), 0.0)
    for _ in range(50):
        state.refused(10.0, 2.0, 25.0)

    assert rates_of(state) == pytest.approx([15.0])


def test_limit_is_not_slowed_to_nothing() -> None:
    state = LimitState(Limits(account=Rate(30)), 0.0)
    for number in range(100):
        state.refused(10.0 * number, 0.0, 25.0)

    assert rates_of(state)[0] == pytest.approx(30.0 / SLOWEST)


@pytest.mark.parametrize("limits", [Limits.unlimited(), Limits(account=Cap(100))])
def test_account_without_a_rate_learns_one_and_forgets_it(limits: Limits) -> None:
    state = LimitState(limits, 0.0)
    before = state.account
    state.refused(10.0, 2.0, 80.0)

    assert [1 / gate.interval for gate in state.account if isinstance(gate, Bucket)] == pytest.approx([40.0])
    assert all(gate.ready >= 12.0 for gate in state.account)
    state.recover(100.0)
    assert state.account == before


@pytest.mark.parametrize(("level", "other"), [("sender", "14155550101"), ("pair", "14155550100")])
def test_status_slows_whom_it_names_and_nobody_else(level: Any, other: str) -> None:
    state = LimitState(Limits.unlimited(), 0.0)
    state.slow(level, channel="whatsapp", sender="14155550100", recipient="447700900000", pause=6.0, now=10.0)

    assert spend(state, 15.9) == 0
    assert max((gate.ready for gate in state.gates(message("447700900001", sender=other))), default=0.0) == 0.0


def test_sender_that_has_only_a_cap_learns_a_rate() -> None:
    state = LimitState(Limits(senders={"14155550100": Cap(100)}), 0.0)
    state.slow("sender", channel="whatsapp", sender="14155550100", recipient="447700900000", pause=1.0, now=10.0)

    assert [type(gate) for gate in state.gates(message())] == [Window, Bucket]
    assert spend(state, 11.0) == 1


def test_long_pause_right_behind_a_short_one_is_not_forgotten() -> None:
    state = LimitState(Limits.unlimited(), 0.0)
    for pause in (1.0, 3600.0):
        state.slow("sender", channel="sms", sender="Acme", recipient="447700900000", pause=pause, now=10.0)
    for now in range(11, 3600, 10):
        state.recover(float(now))

    assert spend(state, 3600.0, message(channel="sms", sender="Acme")) == 0


def test_pause_of_an_account_outlasts_what_was_learned_of_it() -> None:
    state = LimitState(Limits.unlimited(), 0.0)
    state.refused(10.0, 1.0, 5.0)
    state.pause_account(10.0, 100.0, "X-RateLimit-Remaining: 0")
    state.recover(99.0)

    assert state.account[0].ready == 100.0


def test_pairs_that_are_as_good_as_new_are_forgotten() -> None:
    state = LimitState(PUBLISHED, 0.0)
    for number in range(2000):
        state.gates(message(f"4477009{number:05d}"))
    state.gates(message())[-1].pause(1000.0)
    state.sweep(500.0)

    assert len(state) < 10
    assert spend(state, 999.0) == 0


def test_pair_that_somebody_of_another_schedule_waits_for_is_kept() -> None:
    limits = Limits(pairs={"whatsapp": Rate(1)})
    state = LimitState(limits, 0.0)
    mine, other = Schedule(state), Schedule(state)
    for number in range(2):
        other.add(Place(message(), Priority.NORMAL, 0.0, number))
    first = other.take(0.0)
    assert first is not None
    other.settle(first)
    assert other.take(0.0) is None  # the second stands in line
    gate = state.gates(message())[-1]
    state._sweep_at = 0
    mine.sweep(100.0)

    assert state.gates(message())[-1] is gate


def test_places_of_other_processes_are_no_pause() -> None:
    state = LimitState(Limits(channels={"whatsapp": Rate(1)}), 0.0)
    (gate,) = state.gates(message())
    it = Schedule(state)
    patient, impatient = (Place(message(f"44770090000{number}"), Priority.NORMAL, 0.0, number) for number in range(2))
    impatient.give_up_at = 5.0
    assert spend(state, 0.0) == 1
    for place in (patient, impatient):
        it.add(place)
    assert it.take(0.0) is None  # both stand in line
    state.hold(gate, 0.0, 9.0)

    assert state.pauses(0.0) == []
    assert list(it.overdue(0.0)) == [impatient]
    assert it.take(8.9) is None
    assert it.take(9.0) is patient


def test_pauses_are_listed_until_they_are_over() -> None:
    state = LimitState(Limits.unlimited(), 0.0)
    state.slow("sender", channel="sms", sender="Acme", recipient="1", pause=5.0, now=10.0)
    state.slow("pair", channel="sms", sender="Acme", recipient="1", pause=9.0, now=10.0)

    assert [(key, until) for key, until, _ in state.pauses(12.0)] == [
        ("sender sms/Acme", 15.0),
        ("pair sms/Acme/1", 19.0),
    ]
    assert [key for key, _, _ in state.pauses(15.0)] == ["pair sms/Acme/1"]
    assert state.pauses(19.0) == []


def test_pauses_that_are_over_are_forgotten_even_if_nobody_asks_for_them() -> None:
    state = LimitState(Limits.unlimited(), 0.0)
    for number in range(5_000):
        state.slow("pair", channel="sms", sender="Acme", recipient=str(number), pause=1.0, now=float(number))

    assert len(state._pauses) < 2_000


def test_whoever_asks_somebody_else_for_each_place_takes_nothing_for_used() -> None:
    state = LimitState(Limits(channels={"whatsapp": Rate(1, burst=5)}), 0.0)
    assert spend(state, 0.0) == 1
    state.forget_the_unknown(0.0)
    assert spend(state, 0.0, message(channel="whatsapp", sender="Other")) == 0  # what was spent here stays spent

    state = LimitState(Limits(channels={"whatsapp": Rate(1, burst=5)}), 0.0)
    state.forget_the_unknown(0.0)
    assert spend(state, 0.0) == 5


def test_departures_are_watched_once_for_all() -> None:
    state = LimitState(Limits(account=Rate(10)), 0.0)
    state.watch_departures()
    departures = state.departures
    state.watch_departures()
    assert state.departures is departures is not None
