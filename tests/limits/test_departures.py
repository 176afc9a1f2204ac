"""What leaves later than its turn came: counted where it leaves, and forgotten in time."""

from __future__ import annotations

import math

import pytest

from vonage_messages.limits.buckets import Bucket, Window
from vonage_messages.limits.departures import GRACE, Departures, Hold
from vonage_messages.limits.rate import Cap, Rate


def grant(departures: Departures, gate: Bucket, now: float) -> Hold:
    gate.spend(now)
    departures.granted([gate], now)
    return Hold(departures, [gate], now)


def test_whoever_is_held_back_waits_for_a_place_of_its_own() -> None:
    departures, gate = Departures(), Bucket("account", Rate(10), 0.0)
    holds = [grant(departures, gate, number / 10) for number in range(1, 4)]

    assert holds[0].opens_at(0.5) is None
    assert [hold.opens_at(0.5) for hold in holds[1:]] == pytest.approx([0.59, 0.69])
    assert holds[1].opens_at(0.6) is None
    assert holds[2].opens_at(0.7) is None
    assert departures._held == {}


def test_newcomer_does_not_go_before_whoever_is_held_back() -> None:
    departures, gate = Departures(), Bucket("account", Rate(10), 0.0)
    first, second, third = (grant(departures, gate, number / 10) for number in range(1, 4))

    assert first.opens_at(1.0) is None
    assert second.opens_at(1.0) == pytest.approx(1.09)
    assert third.opens_at(1.095) == pytest.approx(1.19)
    second.end()
    assert third.opens_at(1.095) is None


def test_long_bunch_stops_further_turns() -> None:
    departures, gate = Departures(), Bucket("account", Rate(1), 0.0)
    first, second = grant(departures, gate, 1.0), grant(departures, gate, 2.0)
    assert first.opens_at(3.0) is None
    ready = gate.ready
    opens_at = second.opens_at(3.0)
    assert opens_at is not None
    assert gate.ready == max(ready, opens_at - GRACE)


def test_cap_counts_a_message_from_the_slice_on_in_which_it_leaves() -> None:
    departures, gate = Departures(), Window("account", Cap(1, per=1440.0))
    gate.spend(0.5)
    departures.granted([gate], 0.5)
    assert Hold(departures, [gate], 0.5).opens_at(1.5) is None
    assert gate.count == 1
    assert gate.ready == 2.0 + 1440.0


def test_limits_that_are_as_good_as_new_are_forgotten() -> None:
    departures = Departures()
    for number in range(5000):
        now = float(number)
        assert grant(departures, Bucket(f"pair {number}", Rate(1), now - 10), now).opens_at(now) is None
    assert len(departures) <= 1025


def test_what_is_not_known_holds_nobody_back() -> None:
    departures, gate = Departures(), Bucket("account", Rate(1), 0.0)
    assert departures.ready(gate) == -math.inf
    assert Hold(departures, [gate], 0.0).opens_at(0.0) is None
    assert departures.ready(gate) == pytest.approx(0.99)


def test_hold_names_the_limit_that_it_waits_for() -> None:
    departures, gate = Departures(), Bucket("account", Rate(10), 0.0)
    first, second = grant(departures, gate, 0.1), grant(departures, gate, 0.2)
    assert first.opens_at(0.5) is None
    assert first.key == ""
    assert second.opens_at(0.5) is not None
    assert second.key == "account"
