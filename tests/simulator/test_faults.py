from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.faults import MEANINGS, MOST_FAULTS, Fault, FaultKind, Faults, Moment, Target

SMS = Target(path="/v1/messages", channel="sms", to="447700900000", from_="Acme")


def strikes(faults: Faults, times: int, moment: Moment = Moment.REQUEST) -> list[bool]:
    return [faults.first(moment, SMS) is not None for _ in range(times)]


def test_every_kind_has_a_moment_and_a_meaning() -> None:
    assert set(MEANINGS) == set(FaultKind)
    assert {Fault(kind=kind).moment for kind in FaultKind} == set(Moment) - {Moment.MESSAGE}


@pytest.mark.parametrize(
    ("option", "value"),
    [("channel", "mms"), ("to", "447700900001"), ("from_", "Other"), ("path", "/v0.1/*"), ("path", "/v1/messages/*")],
)
def test_a_fault_strikes_only_what_it_selects(option: str, value: str) -> None:
    faults = Faults()
    faults.add("throttle", **{option: value})
    assert strikes(faults, 3) + strikes(faults, 3, Moment.MESSAGE) == [False] * 6
    assert next(iter(faults)).struck == 0


@pytest.mark.parametrize(
    "options", [{}, {"channel": "sms"}, {"to": "447700900000", "from_": "Acme"}, {"path": "/v1/*"}, {"path": "/v?/m*"}]
)
def test_a_fault_strikes_what_it_selects(options: dict[str, Any]) -> None:
    faults = Faults()
    placed = faults.add("throttle", **options)
    assert strikes(faults, 2, placed.fault.moment) == [True, True]
    found = faults.get(placed.number)
    assert found is not None
    assert (found.struck, found.spent) == (2, False)


def test_a_fault_strikes_at_its_own_moment_only() -> None:
    faults = Faults()
    faults.add("throttle")
    for moment in set(Moment) - {Moment.REQUEST}:
        assert faults.all(moment, SMS) == []


def test_a_fault_strikes_as_often_as_it_may() -> None:
    faults = Faults()
    placed = faults.add("error", count=2)
    assert strikes(faults, 4) == [True, True, False, False]
    found = faults.get(placed.number)
    assert found is not None
    assert (found.struck, found.spent) == (2, True)


def test_chance_follows_from_the_seed_and_from_nothing_else() -> None:
    alone, beside = Faults(seed=7), Faults(seed=7)
    alone.add("throttle", probability=0.5)
    beside.add("throttle", probability=0.5)
    beside.add("error", probability=0.5)
    assert [bool(beside.all(Moment.REQUEST, SMS)) for _ in range(5)] != [False] * 5
    alone.clear()
    beside.clear()
    alone.add("throttle", probability=0.5)
    placed = beside.add("throttle", probability=0.5)
    beside.add("error", probability=0.5)
    expected, drawn, before = strikes(alone, 200), [], 0
    for _ in range(200):
        beside.all(Moment.REQUEST, SMS)
        found = beside.get(placed.number)
        assert found is not None
        drawn.append(found.struck > before)
        before = found.struck
    assert drawn == expected
    assert 60 < sum(expected) < 140
    other = Faults(seed=8)
    other.add("throttle", probability=0.5)
    assert strikes(other, 200) != expected


def test_a_probability_of_nothing_never_strikes() -> None:
    faults = Faults()
    faults.add("throttle", probability=0)
    assert not any(strikes(faults, 100))


def test_the_first_fault_that_strikes_spares_those_behind_it() -> None:
    faults = Faults()
    faults.add("throttle", count=1)
    second = faults.add("error")
    struck = [faults.first(Moment.REQUEST, SMS), faults.first(Moment.REQUEST, SMS)]
    assert [fault.kind for fault in struck if fault] == ["throttle", "error"]
    found = faults.get(second.number)
    assert found is not None
    assert found.struck == 1


def test_faults_are_taken_away_one_by_one_or_all() -> None:
    changes: list[int] = []
    faults = Faults(on_change=lambda: changes.append(1))
    first, second = faults.add("throttle"), faults.add(Fault(kind=FaultKind.SLOW), seconds=2)
    assert second.fault.span == 2
    assert faults.remove(first.number)
    assert not faults.remove(first.number)
    assert [placed.number for placed in faults] == [second.number]
    faults.clear()
    faults.clear()
    assert (len(faults), len(changes)) == (0, 4)


def test_there_are_at_most_so_many_faults() -> None:
    faults = Faults()
    for _ in range(MOST_FAULTS):
        faults.add("throttle")
    with pytest.raises(ConfigurationError, match="clear some first"):
        faults.add("throttle")
    faults.remove(1)
    assert faults.add("throttle").number == MOST_FAULTS + 1


def test_a_change_is_told_when_a_fault_is_spent() -> None:
    changes: list[int] = []
    faults = Faults(on_change=lambda: changes.append(1))
    faults.add("error", count=2)
    strikes(faults, 5)
    assert len(changes) == 2


@pytest.mark.each(
    ("options", "sentence"),
    [
        ({"kind": "explosion"}, "a fault is one of throttle, low_balance"),
        ({"kind": None}, "a fault is one of"),
        ({"kind": "slow", "probability": 1.1}, "probability must be 0 to 1"),
        ({"kind": "slow", "probability": True}, "probability must be 0 to 1"),
        ({"kind": "slow", "count": 0}, "count must be 1 or more"),
        ({"kind": "slow", "count": 1.5}, "count must be 1 or more"),
        ({"kind": "slow", "seconds": -1}, "seconds must be 0 to 86400"),
        ({"kind": "slow", "seconds": float("nan")}, "seconds must be 0 to 86400"),
        ({"kind": "error", "status": 404}, "status must be 500 to 599"),
        ({"kind": "error", "seconds": 1}, "error takes no seconds"),
        ({"kind": "slow", "status": 500}, "slow takes no status"),
        ({"kind": "throttle", "clean": True}, "throttle breaks no connection"),
    ],
)
def test_an_option_that_cannot_work_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Fault(**options)


def test_who_is_selected_stays_out_of_the_repr() -> None:
    shown = repr(Fault(kind=FaultKind.SLOW, to="447700900000")) + repr(SMS)
    assert "447700900000" not in shown
    assert repr(Faults()) == "<Faults: none>"


@pytest.mark.parametrize("kind", ["throttle", "error", "reset_before_reading"])
def test_who_is_selected_by_the_body_is_known_once_it_was_read(kind: str) -> None:
    assert Fault(kind=FaultKind(kind), path="/v1/*").moment is Moment.REQUEST
    for option in ("channel", "to", "from_"):
        assert Fault(kind=FaultKind(kind), **{option: "x"}).moment is Moment.MESSAGE
