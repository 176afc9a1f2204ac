"""Order within a pair where message types of one channel fall under different limits: Messenger's text and video."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import LimitState

if TYPE_CHECKING:
    from vonage_messages.limits.places import Item

TABLES = {
    "published": Limits.published(),
    "channels": Limits(channels={"messenger": Rate(5), "messenger/audio,video": Rate(2)}),
    "one type": Limits(each_sender={"messenger/audio,video": Rate(10)}),
    "caps": Limits(channels={"messenger": Cap(5, per=10.0), "messenger/audio,video": Cap(2, per=10.0)}),
}
STEPS = st.one_of(
    st.tuples(
        st.just("add"),
        st.sampled_from(["text", "video"]),
        st.sampled_from("ab"),
        st.sampled_from("st"),
        st.sampled_from([Priority.NORMAL, Priority.NORMAL, Priority.BULK]),
    ),
    st.tuples(st.just("take")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("tick"), st.sampled_from([0.001, 0.01, 0.05, 0.2, 1.0])),
)


def place(kind: str, to: str, sender: str, priority: Priority = Priority.NORMAL) -> Place:
    payload = {"channel": "messenger", "message_type": kind, "to": to, "from": sender}
    return Place(RawMessage(payload), priority, 0.0)


class Play:
    """A schedule, what waits in it and what is under way, on a clock that is moved by hand."""

    def __init__(self, limits: Limits) -> None:
        self.now = 100.0
        self.schedule = Schedule(LimitState(limits, self.now))
        self.waiting: list[Place] = []
        self.under_way: list[Place] = []

    def add(self, one: Place) -> None:
        self.schedule.add(one)
        self.waiting.append(one)

    def take(self) -> Item | None:
        taken = self.schedule.take(self.now)
        if taken is None:
            return None
        earlier = [
            one
            for one in self.waiting
            if one.pair == taken.pair and one.priority == taken.priority and one.seq < taken.seq
        ]
        assert not earlier, "a later message of the pair has left first"
        self.waiting.remove(taken)
        self.under_way.append(taken)
        return taken

    def settle(self) -> None:
        if self.under_way:
            self.schedule.settle(self.under_way.pop(0))

    def finish(self) -> None:
        """Let everybody leave; bounded, so that a schedule which forgets somebody fails."""
        for _ in range(2000):
            while self.take() is not None:
                pass
            while self.under_way:
                self.settle()
            if not self.waiting:
                return
            soonest = self.schedule.next_time(self.now)
            assert soonest < math.inf, "somebody waits, and nothing would ever wake it"
            self.now = max(self.now + 1e-6, soonest)
        raise AssertionError("somebody never leaves")


def test_text_does_not_overtake_the_video_that_went_straight_to_a_line() -> None:
    play = Play(Limits.published())
    play.add(place("video", "a", "t"))
    play.take()
    play.add(place("video", "b", "t"))
    play.now += 0.05
    assert play.take() is None
    play.add(place("video", "a", "t"))
    play.add(place("text", "a", "t"))
    play.finish()


@settings(max_examples=150, deadline=None)
@given(table=st.sampled_from(sorted(TABLES)), steps=st.lists(STEPS, max_size=60))
def test_order_of_a_pair_is_kept_and_everybody_leaves_whatever_the_types(
    table: str, steps: list[tuple[object, ...]]
) -> None:
    play = Play(TABLES[table])
    for what, *rest in steps:
        if what == "add":
            play.add(place(*rest))  # type: ignore[arg-type]  as STEPS made them
        elif what == "take":
            play.take()
        elif what == "settle":
            play.settle()
        else:
            play.now += rest[0]  # type: ignore[operator]  as STEPS made them
    play.finish()
