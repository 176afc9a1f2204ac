"""Who goes next: priorities, lines, order within a pair, ends, and what may be expected."""

from __future__ import annotations

import math

import pytest

from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.departures import Hold
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import PATIENCE, Place, Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import LimitState

HIGH, NORMAL, BULK = Priority


def schedule(limits: Limits | None = None) -> Schedule:
    return Schedule(LimitState(limits or Limits.unlimited(), 0.0))


def message(to: str = "447700900000", kind: str = "text", channel: str = "messenger") -> RawMessage:
    return RawMessage({"channel": channel, "message_type": kind, "from": "Acme", "to": to})


def add(it: Schedule, name: str, *, to: str | None = None, kind: str = "text", priority: Priority = NORMAL) -> Place:
    place = Place(message(to or f"to {name}", kind), priority, 0.0, name)
    it.add(place)
    return place


def leave(it: Schedule, now: float, most: int = 1000) -> list[object]:
    """Let as many leave as may, each answered at once."""
    names: list[object] = []
    while len(names) < most and (place := it.take(now)) is not None:
        names.append(place.owner)
        it.settle(place)
    return names


def test_those_of_one_priority_leave_in_order() -> None:
    it = schedule()
    for name in "abc":
        add(it, name)

    assert leave(it, 0.0) == ["a", "b", "c"]


def test_urgent_message_behind_100_000_newsletters_leaves_within_one_slot() -> None:
    it = schedule(Limits(account=Rate(30)))
    for _ in range(100_000):
        it.add_plain(message(), BULK, 0.0)
    it.take(0.0)
    add(it, "code", priority=HIGH)
    place = it.take(it.next_time(0.0))

    assert place is not None
    assert place.owner == "code"
    assert place.granted_at == pytest.approx(1 / 30, abs=0.011)


@pytest.mark.parametrize("lower", [NORMAL, BULK])
def test_lower_lane_is_passed_only_so_often(lower: Priority) -> None:
    it = schedule()
    add(it, "patient", priority=lower)
    for number in range(100):
        add(it, str(number), priority=HIGH)

    assert leave(it, 0.0).index("patient") == PATIENCE[lower]


def test_slow_recipient_holds_nobody_else_up() -> None:
    it = schedule(Limits(prefixes={"44": Rate(1, per=60.0)}))
    for number in range(5):
        add(it, f"slow {number}", to=f"44770090000{number}")
    for number in range(5):
        add(it, f"free {number}")

    assert leave(it, 0.0) == ["slow 0", *(f"free {number}" for number in range(5))]
    assert it.next_time(0.0) == pytest.approx(60.0, abs=0.011)


def test_next_to_the_same_recipient_waits_for_the_answer() -> None:
    it = schedule()
    add(it, "first", to="1")
    add(it, "second", to="1")
    first = it.take(0.0)
    assert first is not None
    assert it.take(0.0) is None
    assert it.next_time(0.0) == math.inf

    it.settle(first)

    assert leave(it, 0.0) == ["second"]


def test_text_does_not_overtake_the_video_it_speaks_of() -> None:
    it = schedule(Limits(each_sender={"messenger/audio,video": Rate(1, per=10.0)}))
    add(it, "other video", to="2", kind="video")
    add(it, "video", to="1", kind="video")
    add(it, "text", to="1")
    add(it, "free", to="3")

    assert leave(it, 0.0) == ["other video", "free"]
    assert leave(it, 10.0) == ["video", "text"]


def test_urgent_text_does_overtake_a_video_that_waits() -> None:
    it = schedule(Limits(each_sender={"messenger/audio,video": Rate(1, per=10.0)}))
    add(it, "other video", to="2", kind="video")
    add(it, "video", to="1", kind="video")
    leave(it, 0.0)
    add(it, "code", to="1", priority=HIGH)

    assert leave(it, 0.0) == ["code"]


def test_video_that_an_urgent_text_overtook_is_still_before_the_others() -> None:
    it = schedule(Limits(each_sender={"messenger/audio,video": Rate(1, per=60.0)}))
    add(it, "another", kind="video")
    add(it, "video", to="1", kind="video")
    add(it, "text", to="1")
    assert leave(it, 0.0) == ["another"]
    add(it, "urgent", to="1", priority=HIGH)
    urgent = it.take(0.0)
    assert urgent is not None
    assert urgent.owner == "urgent"
    assert leave(it, 60.0) == []
    it.settle(urgent)

    assert leave(it, 60.0) == ["video", "text"]


def test_video_that_is_dropped_lets_the_text_go() -> None:
    it = schedule(Limits(each_sender={"messenger/audio,video": Rate(1, per=10.0)}))
    add(it, "other video", to="2", kind="video")
    video = add(it, "video", to="1", kind="video")
    add(it, "text", to="1")
    leave(it, 0.0)
    it.drop(video)

    assert leave(it, 0.0) == ["text"]


def test_refused_message_goes_before_those_that_came_later() -> None:
    it = schedule()
    for name in "abc":
        add(it, name, to="1")
    first = it.take(0.0)
    assert first is not None
    it.again(first, 5.0)

    assert leave(it, 4.9) == []
    assert it.next_time(4.9) == 5.0
    assert leave(it, 5.0) == ["a", "b", "c"]


def test_answer_that_is_noted_twice_frees_nobody_elses_pair() -> None:
    it = schedule()
    for name in "abc":
        add(it, name, to="1")
    first = it.take(0.0)
    assert first is not None
    it.settle(first)
    it.take(0.0)
    it.settle(first)

    assert it.take(0.0) is None


def test_nothing_is_spent_until_every_limit_agrees() -> None:
    it = schedule(Limits(account=Rate(1), pairs={"messenger": Rate(1, per=60.0)}))
    add(it, "first", to="1")
    add(it, "second", to="1")
    add(it, "third", to="2")

    assert leave(it, 0.0) == ["first"]
    assert leave(it, 1.0) == ["third"]


def test_place_that_is_given_back_opens_the_line_of_another_schedule() -> None:
    state = LimitState(Limits(channels={"messenger": Rate(1, per=60.0)}), 0.0)
    mine, other = Schedule(state), Schedule(state)
    add(mine, "mine")
    add(other, "other")
    place = mine.take(0.0)
    assert place is not None
    assert leave(other, 0.0) == []
    mine.give_back(place, 0.0)

    assert other.next_time(0.0) == 0.0
    assert leave(other, 0.0) == ["other"]


def test_instant_at_which_a_line_was_to_open_passes_when_it_has_opened_before() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}))
    add(it, "first")
    place = it.take(0.0)
    assert place is not None
    add(it, "second")
    assert leave(it, 0.0) == []
    it.give_back(place, 0.0)
    assert leave(it, 0.0) == ["second"]

    assert leave(it, 60.0) == []
    assert it.next_time(60.0) == math.inf


def test_whose_time_has_run_out_does_not_leave() -> None:
    it = schedule()
    place = Place(message(), NORMAL, 0.0, "late")
    place.expires_at = 5.0
    it.add(place)
    add(it, "in time")

    assert it.next_end() == 5.0
    assert leave(it, 5.0) == ["in time"]
    assert it.count(NORMAL) == len(it) == 1
    assert [late.owner for late in it.overdue(5.0)] == ["late"]
    assert len(it) == 0
    assert it.next_end() == math.inf


def test_whoever_is_dropped_after_his_time_is_given_to_nobody() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}))
    late = Place(message(), NORMAL, 0.0, "late")
    late.expires_at = 0.0
    it.add(late)
    assert leave(it, 0.0) == []
    add(it, "first")
    assert leave(it, 0.0) == ["first"]
    hopeless = Place(message("9"), NORMAL, 0.0, "hopeless")
    hopeless.give_up_at = 90.0
    it.add(hopeless)
    assert leave(it, 0.0) == []
    (gate,) = hopeless.gates
    it.state.hold(gate, 0.0, 120.0)
    assert it.next_end() == 0.0
    it.drop(late)
    it.drop(hopeless)

    assert list(it.overdue(0.0)) == []
    assert len(it) == 0


def test_ends_of_those_who_left_before_are_not_kept() -> None:
    it = schedule()
    for number in range(5000):
        place = Place(message(str(number)), NORMAL, 0.0, number)
        place.give_up_at = 1e6
        it.add(place)
        leave(it, 0.0)

    assert len(it._ends) < 2000


def test_end_of_somebody_who_has_left_is_no_end() -> None:
    it = schedule()
    place = Place(message(), NORMAL, 0.0, "it")
    place.give_up_at = 5.0
    it.add(place)
    leave(it, 0.0)

    assert it.next_end() == math.inf
    assert list(it.overdue(9.0)) == []


@pytest.mark.parametrize("standing", ["in lane", "in line", "delayed"])
def test_whoever_is_dropped_is_gone_wherever_it_stood(standing: str) -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}) if standing == "in line" else None)
    place = add(it, "first", to="1")
    if standing == "in line":
        leave(it, 0.0)
        place = add(it, "second", to="1")
        leave(it, 0.0)
    if standing == "delayed":
        it.take(0.0)
        it.again(place, 5.0)
    assert it.drop(place)
    assert not it.drop(place)
    add(it, "next", to="1")

    assert len(it) == it.count(NORMAL) == 1
    assert leave(it, 60.0) == ["next"]


def test_dropping_most_of_a_great_many_lets_go_of_them_and_keeps_the_order() -> None:
    it = schedule(Limits(prefixes={"44": Rate(1)}))
    places = [add(it, str(number), to=f"44770090{number:04d}") for number in range(6000)]
    assert leave(it, 0.0) == ["0"]
    for number, place in enumerate(places[1:], start=1):
        if number % 1000:
            it.drop(place)

    assert len(it) == it.count(NORMAL) == 5
    assert sum(len(heap) for line in it._lines.values() for heap in line.heaps) < 3000
    assert [leave(it, float(now)) for now in range(1, 6)] == [[str(number)] for number in range(1000, 6000, 1000)]


def stepped_out(it: Schedule, *names: str) -> list[Place]:
    """Have the first of those who wait for a limit step out of its line, by letting somebody urgent leave."""
    add(it, "before")
    assert leave(it, 0.0) == ["before"]
    places = [add(it, name) for name in names]
    assert leave(it, 0.0) == []
    it.add(Place(message("1", channel="sms"), HIGH, 60.0, "urgent"))
    assert leave(it, 60.0, most=1) == ["urgent"]
    return places


def test_whoever_steps_out_of_a_line_and_is_dropped_lets_the_next_step_out() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}))
    first, _ = stepped_out(it, "first", "second")
    it.drop(first)

    assert leave(it, 60.0) == ["second"]


def test_whoever_was_added_plainly_does_not_overtake_those_in_line() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}))
    first, _ = stepped_out(it, "first", "second")
    it.add_plain(message("plain"), NORMAL, 60.0)
    it.drop(first)

    assert leave(it, 60.0) == ["second"]
    assert leave(it, 120.0) == [None]


def test_lines_of_which_all_are_dropped_are_let_go_of() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1, per=60.0)}))
    flying, behind = (Place(message("9", channel="sms"), NORMAL, 0.0) for _ in range(2))
    for place in (flying, behind):
        it.add(place)
    assert it.take(0.0) is flying
    assert it.take(0.0) is None
    (first,) = stepped_out(it, "first")
    assert len(it.lines()) == 2
    it.drop(first)
    it.drop(behind)
    for number in range(2000):
        it.drop(add(it, str(number)))

    assert len(it.lines()) == 0
    it.settle(flying)
    assert leave(it, 60.0) == []


def test_what_was_added_plainly_is_made_a_place_only_where_somebody_wants_it() -> None:
    wanted, made = set("abcdef"), []

    def wrap(item: str, priority: Priority, since: float) -> Place:
        made.append(item)
        return Place(message(item), priority, since, item)

    it = Schedule(LimitState(Limits.unlimited(), 0.0), wrap, wanted.__contains__)
    for name in "abcdef":
        it.add_plain(name, NORMAL, 0.0)
    for name in "be":
        wanted.remove(name)
        it.drop_plain()

    assert it.count(NORMAL) == len(it) == 4
    assert leave(it, 0.0, most=2) == ["a", "c"]
    assert [place.owner for place in it.drain()] == ["d", "f"]
    assert made == ["a", "c", "d", "f"]
    assert len(it) == 0


def test_whose_order_does_not_matter_waits_for_no_answer() -> None:
    it = schedule()
    for name in "ab":
        place = Place(message(), NORMAL, 0.0, name)
        place.keeps_order = False
        it.add(place)

    assert [getattr(it.take(0.0), "owner", None) for _ in range(3)] == ["a", "b", None]


def test_turns_are_noted_where_departures_are_watched() -> None:
    it = schedule(Limits(account=Rate(10)))
    it.state.watch_departures()
    places = []
    for number in range(2):
        add(it, str(number))
        places.append(it.take(number / 10))
    departures = it.state.departures
    assert departures is not None
    first, second = (Hold(departures, it.state.account, place.granted_at) for place in places if place is not None)

    assert first.opens_at(0.5) is None
    assert second.opens_at(0.5) == pytest.approx(0.59)


def test_dropping_those_who_wait_for_an_instant_lets_go_of_them() -> None:
    it = schedule()
    places = [add(it, str(number)) for number in range(5000)]
    while (place := it.take(0.0)) is not None:
        it.again(place, 60.0)
    for place in places:
        it.drop(place)

    assert len(it._delayed) < 3000
    assert len(it) == 0


def test_drained_schedule_can_be_used_again() -> None:
    it = schedule(Limits(channels={"messenger": Rate(1)}))
    flying = add(it, "flying", to="1")
    it.take(0.0)
    for name in ("a", "b"):
        add(it, name, to="1")
    it.take(0.5)
    it.take(1.5)
    assert sorted(str(place.owner) for place in it.drain()) == ["a", "b"]
    assert len(it) == 0
    add(it, "next", to="1")

    assert leave(it, 9.0) == []
    it.settle(flying)
    assert leave(it, 9.0) == ["next"]


def test_limit_learned_meanwhile_holds_for_those_who_wait_already() -> None:
    it = schedule()
    add(it, "slow", to="1")
    add(it, "free", to="2")
    it.state.slow("pair", channel="messenger", sender="Acme", recipient="1", pause=6.0, now=0.0)

    assert leave(it, 0.0) == ["free"]
    assert leave(it, 6.0) == ["slow"]


def test_nobody_waits_for_a_limit_that_has_been_forgotten() -> None:
    it = schedule()
    for name in "abc":
        add(it, name, to="1")
    it.state.slow("pair", channel="messenger", sender="Acme", recipient="1", pause=0.0, now=0.0)
    assert leave(it, 0.0) == ["a"]
    it.state.recover(11.9)
    add(it, "d", to="1")

    assert leave(it, 11.9) == ["b", "c", "d"]


def test_forecast_is_nothing_where_everything_is_free() -> None:
    it = schedule(Limits(account=Rate(30), pairs={"messenger": Rate(1, per=6.0)}))

    assert it.forecast(add(it, "it"), 1.0) == (0.0, "")


def test_forecast_of_the_account_counts_those_before() -> None:
    it = schedule(Limits(account=Rate(2, burst=1)))
    for name in "abcde":
        place = add(it, name)

    assert it.forecast(place, 0.0) == (2.0, "account")


def test_forecast_counts_no_less_urgent_ones() -> None:
    it = schedule(Limits(account=Rate(2, burst=1)))
    for name in "abcde":
        add(it, name, priority=BULK)

    assert it.forecast(add(it, "code", priority=HIGH), 0.0) == (0.0, "")


def test_forecast_counts_the_burst() -> None:
    it = schedule(Limits(account=Rate(1, burst=5)))
    for name in "abcde":
        place = add(it, name)

    assert it.forecast(place, 100.0) == (0.0, "")


def test_forecast_of_a_shared_limit_counts_those_before() -> None:
    it = schedule(Limits(prefixes={"44": Rate(1, burst=1)}))
    for number in range(4):
        place = add(it, str(number), to=f"44{number}")
    assert it.forecast(place, 0.0) == (3.0, "prefix 44")
    assert leave(it, 0.0) == ["0"]

    assert it.forecast(place, 0.5) == (2.5, "prefix 44")


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        (Limits(senders={"Acme": Cap(2, per=1440.0)}), "sender Acme"),
        (Limits(pairs={"messenger": Cap(2, per=1440.0)}), "pair messenger/Acme/1"),
        (Limits(prefixes={"1": Cap(2, per=1440.0)}), "prefix 1"),
    ],
)
def test_forecast_of_a_cap_counts_a_burst_that_was_just_added(limits: Limits, key: str) -> None:
    it = schedule(limits)
    waits = [it.forecast(add(it, name, to="1"), 0.0) for name in "abcde"]
    assert waits == [(0.0, ""), (0.0, ""), (1440.0, key), (1440.0, key), (2880.0, key)]


def test_forecast_of_a_pair_counts_a_burst_that_was_just_added() -> None:
    it = schedule(Limits(pairs={"messenger": Rate(1, per=6.0, burst=2)}))
    waits = [it.forecast(add(it, name, to="1"), 100.0)[0] for name in "abcd"]
    assert waits == [0.0, 0.0, 6.0, 12.0]


def test_whoever_cannot_wait_for_a_limit_is_given_up_when_it_steps_aside() -> None:
    it = schedule(Limits(pairs={"messenger": Rate(1, per=6.0, burst=1)}))
    add(it, "first", to="1")
    late = add(it, "late", to="1")
    late.give_up_at = 5.0
    add(it, "patient", to="1")
    assert leave(it, 0.0) == ["first"]
    assert it.next_end() <= 0.0
    assert list(it.overdue(0.0)) == [late]
    assert leave(it, 6.0) == ["patient"]


@pytest.mark.parametrize("level", ["account", "pair"])
def test_whoever_cannot_wait_for_the_end_of_a_pause_is_given_up_at_once(level: str) -> None:
    it = schedule(Limits(account=Rate(1), pairs={"messenger": Rate(1, per=6.0, burst=1)}))
    for name in ("first", "hasty", "patient"):
        place = Place(message("1"), NORMAL, 0.0, name)
        place.expires_at = 1000.0 if name == "patient" else 10.0
        it.add(place)
    assert leave(it, 0.0) == ["first"]
    assert leave(it, 1.0) == []  # they stand in line for the pair
    if level == "account":
        it.state.refused(1.0, 60.0, 1.0)
    else:
        it.state.slow("pair", channel="messenger", sender="Acme", recipient="1", pause=60.0, now=1.0)
    assert [place.owner for place in it.overdue(1.0)] == ["hasty"]
    assert leave(it, 70.0) == ["patient"]


def test_forecast_of_a_cap_is_when_the_day_gives_a_place() -> None:
    it = schedule(Limits(account=Cap(2, per=1440.0)))
    for name in "abc":
        place = add(it, name)
    assert leave(it, 0.0) == ["a", "b"]

    assert it.forecast(place, 100.0) == (1341.0, "account")
