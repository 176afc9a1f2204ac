"""Whatever happens to a schedule, no limit is passed, nothing is lost, and nobody waits without a reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.levels import Limits, as_limits
from vonage_messages.limits.places import PATIENCE, Place, Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import LimitState

CLOSE = 1e-5
"""What the sums of floats may be off."""

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
SENDERS = ("Acme", "14155550100")
RECIPIENTS = ("447700900000", "447700900001", "15555550123")
KINDS = (("sms", "text"), ("whatsapp", "text"), ("messenger", "text"), ("messenger", "video"))

PROFILES = {
    "account": Limits(account=Rate(3)),
    "account in bursts": Limits(account=Rate(2, burst=5)),
    "levels": Limits(
        account=Rate(5),
        channels={"sms": Rate(2), "messenger/video": Rate(1, per=3.0)},
        senders={"Acme": (Rate(2, burst=3), Cap(6, per=20.0))},
        each_sender={"whatsapp": Rate(2), "messenger": Rate(3), "messenger/audio,video": Rate(1, per=2.0)},
        pairs={"whatsapp": Rate(1, per=3.0, burst=4)},
        prefixes={"44": Rate(2), "1": Rate(1, per=2.0, burst=2)},
    ),
    "pairs and caps": Limits(
        account=(Rate(20), Cap(12, per=30.0)),
        pairs={"whatsapp": (Rate(1, per=2.0), Cap(3, per=15.0)), "sms": Rate(1, burst=2), "messenger": Rate(2)},
    ),
    "nothing": Limits.unlimited(),
}


def keys_of(limits: Limits, message: Message) -> Iterator[tuple[str, Rate | Cap]]:
    """Find what a message falls under, by the words of the documentation alone."""
    channel, kind, sender, to = message.channel, message.message_type, message.from_, message.to

    def entries(table: Any) -> Iterator[tuple[str, Any]]:
        for key, value in table.items():
            name, _, kinds = key.partition("/")
            if name == channel and (not kinds or kind in kinds.split(",")):
                yield key, value

    found: list[tuple[str, Any]] = [("account", limits.account)]
    found += [(f"channel {key}", value) for key, value in entries(limits.channels)]
    if sender in limits.senders:
        found.append((f"sender {sender}", limits.senders[sender]))
    else:
        found += [(f"sender {key} {sender}", value) for key, value in entries(limits.each_sender)]
    found += [(f"pair {key} {sender} {to}", value) for key, value in entries(limits.pairs)]
    found += [(f"prefix {key}", value) for key, value in limits.prefixes.items() if to.startswith(key)]
    for key, value in found:
        for number, limit in enumerate(as_limits(value)):
            yield f"{key} {number}", limit


def check_times(key: str, limit: Rate | Cap, times: list[float]) -> None:
    """Look at every window that begins and ends with a message."""
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            number, span = last - first + 1, times[last] - begin
            if isinstance(limit, Cap):
                assert number <= limit.n or span >= limit.per - CLOSE, (key, number, span)
            elif limit.burst is None:
                assert number <= 1 + (span + 0.010) * limit.n / limit.per + CLOSE, (key, number, span)
            else:
                assert number <= limit.burst + span * limit.n / limit.per + CLOSE, (key, number, span)


@attrs.define
class World:
    """A schedule on a virtual clock, and what is known of it without looking into it."""

    limits: Limits
    now: float = 1000.0
    """On the clock of the process, which begins anew with each."""
    ahead: float = 5e8
    """How far the unix clock is ahead of it."""
    left: list[tuple[float, Message]] = attrs.Factory(list)
    """What left and was not given back, by unix time."""
    waiting: list[Place] = attrs.Factory(list)
    flying: list[Place] = attrs.Factory(list)
    until: dict[int, float] = attrs.Factory(dict)
    """Those who wait for an instant after a refusal."""
    passed: Counter[Priority] = attrs.Factory(Counter)
    added: int = 0
    ended: int = 0
    restarts: int = 0

    def __attrs_post_init__(self) -> None:
        self.begin(None)

    state: LimitState = attrs.field(init=False)
    schedule: Schedule = attrs.field(init=False)
    saved: str = attrs.field(init=False)

    def begin(self, snapshot: dict[str, Any] | None) -> None:
        self.state = LimitState(self.limits, self.now)
        self.state.keep_in_store()
        unix = self.now + self.ahead
        self.state.load(
            snapshot or {"version": 1, "saved_at": unix, "last": True, "ready": {}, "counted": {}}, self.now, unix
        )
        self.schedule = Schedule(self.state)
        self.save(last=False)

    def save(self, *, last: bool) -> None:
        unsaved = [(window, window.unsaved) for window in self.state.windows]
        snapshot = self.state.snapshot(self.now, self.now + self.ahead, last=last)
        self.saved = json.dumps(snapshot, allow_nan=False)
        for window, number in unsaved:
            window.saved(number)
            self.schedule.reopened(window)

    def restart(self, *, clean: bool) -> None:
        if clean:
            self.save(last=True)
        self.ended += len(self.waiting) + len(self.flying)
        self.waiting, self.flying = [], []
        self.until.clear()
        self.passed.clear()
        self.restarts += 1
        unix = self.now + self.ahead
        self.now = 17.25 * self.restarts
        self.ahead = unix - self.now
        self.begin(json.loads(self.saved))

    def add(self, kind: int, who: int, priority: int, ends_in: float) -> None:
        channel, message_type = KINDS[kind % len(KINDS)]
        message = RawMessage(
            {
                "channel": channel,
                "message_type": message_type,
                "from": SENDERS[who % 2],
                "to": RECIPIENTS[who % 3],
            }
        )
        self.added += 1
        place = Place(message, Priority(priority), self.now, self.added)
        place.expires_at = self.now + ends_in
        self.waiting.append(place)
        self.schedule.add(place)

    def is_late(self, place: Place) -> bool:
        return min(place.expires_at, place.give_up_at) <= self.now

    def opens_at(self, place: Place) -> float:
        """Tell when the limits of *place* would let it go, and infinity where its pair does not."""
        pair = pair_of(place)
        if any(pair_of(other) == pair for other in self.flying):
            return math.inf
        for other in self.waiting:
            if pair_of(other) == pair and other is not place:
                older = other.owner < place.owner and other.priority == place.priority
                if (older and not self.is_late(other)) or other.owner in self.until:
                    return math.inf
        gates = (*self.state.account, *self.state.gates(place.message))
        return max(self.now, self.until.get(place.owner, -math.inf), *(gate.ready for gate in gates))

    def candidates(self) -> list[Place]:
        return [place for place in self.waiting if not self.is_late(place) and self.opens_at(place) <= self.now]

    def take(self) -> None:
        for owner in [owner for owner, at in self.until.items() if at <= self.now]:
            del self.until[owner]
        before = self.candidates()
        place = self.schedule.take(self.now)
        self.give_up()
        if place is None:
            assert not before, "somebody could have left"
            soonest = min((self.opens_at(other) for other in self.waiting if not self.is_late(other)), default=math.inf)
            assert self.schedule.next_time(self.now) <= soonest + CLOSE
            return
        assert place in before
        for priority in Priority:
            if priority == place.priority or not any(other.priority == priority for other in before):
                self.passed[priority] = 0
            elif priority > place.priority:
                self.passed[priority] += 1
                assert self.passed[priority] <= PATIENCE[priority] + 3
        self.waiting.remove(place)
        self.flying.append(place)
        self.left.append((self.now + self.ahead, place.message))

    def come_back(self, number: int, what: str, pause: float) -> None:
        if not self.flying:
            return
        place = self.flying.pop(number % len(self.flying))
        if what == "settled":
            self.schedule.settle(place)
            self.ended += 1
        elif what == "not sent":
            self.left.remove((place.granted_at + self.ahead, place.message))
            self.schedule.give_back(place, self.now)
            self.schedule.settle(place)
            self.ended += 1
        else:
            if what == "refused":
                self.state.refused(self.now, pause, 4.0)
                self.give_up()
            self.waiting.append(place)
            self.until[place.owner] = self.now + pause
            self.schedule.again(place, self.now + pause)

    def drop(self, number: int) -> None:
        if self.waiting:
            place = self.waiting.pop(number % len(self.waiting))
            self.until.pop(place.owner, None)
            assert self.schedule.drop(place)
            assert not self.schedule.drop(place)
            self.ended += 1

    def pass_time(self, span: float) -> None:
        self.now += span
        self.give_up()

    def give_up(self) -> None:
        for place in self.schedule.overdue(self.now):
            gates = (*self.state.account, *self.state.gates(place.message))
            opens_in = max((gate.wait_behind(0, self.now) for gate in gates), default=0.0)
            assert min(place.expires_at, place.give_up_at) <= self.now + opens_in
            self.waiting.remove(place)
            self.until.pop(place.owner, None)
            self.ended += 1

    def check_counts(self) -> None:
        assert len(self.schedule) == len(self.waiting)
        counts = Counter(place.priority for place in self.waiting)
        assert [self.schedule.count(priority) for priority in Priority] == [counts[each] for each in Priority]
        assert self.added == len(self.waiting) + len(self.flying) + self.ended

    def check_limits(self) -> None:
        times: dict[str, tuple[Rate | Cap, list[float]]] = {}
        for at, message in sorted(self.left, key=lambda each: each[0]):
            for key, limit in keys_of(self.limits, message):
                times.setdefault(key, (limit, []))[1].append(at)
        for key, (limit, instants) in times.items():
            check_times(key, limit, instants)


def pair_of(place: Place) -> tuple[str, str, str]:
    return place.message.channel, place.message.from_, place.message.to


SPANS = (0.0, 0.004, 0.1, 0.35, 1.0, 3.0)
NUMBER = st.integers(0, 11)
STEPS = st.lists(st.tuples(st.sampled_from(range(19)), NUMBER, NUMBER), min_size=10, max_size=100)


def step(world: World, what: int, a: int, b: int) -> None:  # noqa: C901, PLR0912  a table of what may happen
    match what:
        case 0 | 1 | 2 | 3:
            for more in range(1 + b % 4):
                world.add(a, b + more, min(what, 2), math.inf if a % 3 else 0.5 + b)
        case 4 | 5 | 6:
            for _ in range(1 + a):
                world.take()
        case 7 | 8:
            world.pass_time(SPANS[a % len(SPANS)])
        case 9 | 10:
            world.come_back(a, "settled", 0.0)
        case 11:
            world.come_back(a, "not sent", 0.0)
        case 12:
            world.come_back(a, "again", SPANS[b % len(SPANS)])
        case 13:
            world.come_back(a, "refused", SPANS[b % len(SPANS)])
        case 14:
            world.drop(a)
        case 15:
            place = (world.waiting or [None])[0]  # type: ignore[list-item]
            if place is not None:
                world.state.slow(
                    "pair" if a % 2 else "sender",
                    channel=place.message.channel,
                    sender=place.message.from_,
                    recipient=place.message.to,
                    pause=SPANS[b % len(SPANS)],
                    now=world.now,
                )
                world.give_up()
        case 16:
            world.state.recover(world.now)
            world.schedule.sweep(world.now)
        case 17:
            world.save(last=False)
        case _:
            world.state._sweep_at = 0
            if b % 4 == 0:
                world.restart(clean=bool(a % 2))


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=50, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_limit_is_passed_and_nobody_is_lost_or_held_up_without_reason(
    profile: str, steps: list[tuple[int, int, int]]
) -> None:
    world = World(PROFILES[profile])
    for what, a, b in steps:
        step(world, what, a, b)
        world.check_counts()
    world.check_limits()


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=20, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_everybody_leaves_in_the_end_and_is_counted_no_more(profile: str, steps: list[tuple[int, int, int]]) -> None:
    world = World(PROFILES[profile])
    for what, a, b in steps:
        step(world, what, a, b)
    for _ in range(5000):
        for _ in range(len(world.flying)):
            world.come_back(0, "settled", 0.0)
        if not world.waiting:
            break
        world.save(last=False)
        world.state.recover(world.now)
        world.take()
        soonest = min(world.schedule.next_time(world.now), world.schedule.next_end())
        assert soonest < math.inf or not world.waiting or world.flying
        if not world.flying:
            world.pass_time(max(0.0, soonest - world.now))
    assert not world.waiting
    world.check_limits()
    gates = [*world.state._gates.values(), *world.state._learned.values()]
    assert all(gate.queued is None for gate in gates)
