"""What a plan says before anything is sent, beside what the schedule itself does with the same messages."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonage_messages import ConfigurationError, Message, MmsText, RawMessage, Sms, SmsOptions, WhatsappText
from vonage_messages.limits import planning
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.planning import Load, plan
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import LimitState

ALICE, BOB = "447700900001", "447700900002"


def sms(number: int = 0, *, from_: str = "Acme", to: str | None = None, text: str = "Hello") -> Sms:
    return Sms(to=to or str(447700000000 + number), from_=from_, text=text)


def whatsapp(to: str = ALICE, *, from_: str = "14155550100") -> WhatsappText:
    return WhatsappText(to=to, from_=from_, text="Hello")


def many(count: int) -> Iterator[Sms]:
    return (sms(number) for number in range(count))


def by_the_schedule_alone(messages: Iterable[Message], limits: Limits, window: int) -> tuple[float, int]:
    """Give the instant at which the last leaves, and how many leave later than the first instant."""
    schedule = Schedule(LimitState(limits, 0.0))
    source = iter(messages)
    now, later = 0.0, 0
    for message in islice(source, window):
        schedule.add(Place(message, Priority.NORMAL, now))
    for _ in range(10_000):
        if not schedule.waiting:
            return now, later
        place = schedule.take(now)
        if place is None:
            now = schedule.next_time(now)
            continue
        schedule.settle(place)
        later += now > 0.0
        for message in islice(source, 1):
            schedule.add(Place(message, Priority.NORMAL, now))
    pytest.fail("the schedule does not come to an end")


def of(*choices: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(choices)


MESSAGES = of(
    sms(to=ALICE),
    sms(to="14155550123"),
    sms(from_="14155550100", to=BOB),
    whatsapp(ALICE),
    whatsapp(BOB),
    whatsapp(ALICE, from_="14155550199"),
    MmsText(to="14155550123", from_="14155550100", text="Hello"),
    RawMessage({"channel": "fax", "message_type": "text", "to": ALICE, "from": "Acme"}),
)
LIMITS = st.builds(
    Limits,
    account=of(None, Rate(3), Rate(30), (Rate(7), Cap(5, per=1440.0)), Rate(2, burst=4)),
    channels=of({}, {"sms": Rate(2)}, {"whatsapp/text": Cap(2, per=1440.0)}),
    senders=of({}, {"14155550100": Rate(1)}, {"whatsapp/14155550100": (Rate(5), Rate(9, per=7.0, burst=3))}),
    each_sender=of({}, {"whatsapp": Rate(4), "mms": Rate(1, per=3.0)}),
    pairs=of({}, {"whatsapp": Rate(1, per=6.0, burst=3)}, {"sms": Rate(1, per=2.0)}),
    prefixes=of({}, {"44": Rate(3), "1": Rate(1, per=0.3)}, {"4477": Cap(3, per=2880.0)}),
)


@settings(deadline=None)  # another program may have the processor
@given(messages=st.lists(MESSAGES, max_size=40), limits=LIMITS, window=st.integers(1, 50))
def test_a_plan_is_what_the_schedule_does(messages: list[Message], limits: Limits, window: int) -> None:
    estimate = plan(messages, limits, window=window)
    assert (estimate.duration, estimate.waits) == by_the_schedule_alone(messages, limits, window)


@settings(deadline=None)  # see above
@given(messages=st.lists(MESSAGES, max_size=40), limits=LIMITS)
def test_no_limit_alone_needs_longer_than_all_together(messages: list[Message], limits: Limits) -> None:
    estimate = plan(messages, limits)
    loads = [load for loads in estimate.busiest.values() for load in loads]
    assert all(load.duration <= estimate.duration + 1e-6 for load in loads)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(account=Rate(4)),
        Limits(account=Cap(3, per=1440.0)),
        Limits(channels={"sms": Rate(4, per=3.0)}),
        Limits(senders={"Acme": Rate(1, per=2.0, burst=5)}),
        Limits(senders={"sms/Acme": Cap(2, per=86_400.0)}),
        Limits(pairs={"sms": Rate(1, per=6.0, burst=45)}),
        Limits(prefixes={"44": Rate(9)}),
    ],
    ids=repr,
)
def test_what_a_limit_needs_alone_is_the_whole_where_there_is_no_other(limits: Limits) -> None:
    estimate = plan([sms(to=ALICE) for _ in range(11)], limits)
    longest = max((load for loads in estimate.busiest.values() for load in loads), key=lambda load: load.duration)
    assert longest.messages == 11
    assert longest.duration == pytest.approx(estimate.duration)
    assert estimate.duration > 0


def test_published_limits_are_the_default() -> None:
    assert plan(many(301)).duration == pytest.approx(10.0)


def test_a_hundred_thousand_messages_at_thirty_a_second_take_nearly_an_hour() -> None:
    same = sms()  # making so many would take longer than planning them
    estimate = plan(same for _ in range(100_000))
    assert estimate.duration == pytest.approx(99_999 / 30, abs=0.001)
    assert (estimate.messages, estimate.waits) == (100_000, 99_999)


def test_without_limits_everything_leaves_at_once() -> None:
    estimate = plan(many(1000), Limits.unlimited())
    assert (estimate.messages, estimate.duration, estimate.waits) == (1000, 0.0, 0)
    assert "account" not in estimate.busiest


def test_no_messages_take_no_time() -> None:
    estimate = plan([])
    assert (estimate.messages, estimate.duration, estimate.segments, estimate.waits) == (0, 0.0, 0, 0)
    assert estimate.busiest == {}


def test_a_slow_sender_holds_up_nobody_else() -> None:
    limits = Limits(account=Rate(100), senders={"Slow": Rate(1)})
    messages = [*(sms(number, from_="Slow") for number in range(10)), *many(500)]
    estimate = plan(messages, limits)
    assert estimate.duration == pytest.approx(9.0)
    assert estimate.busiest["sender"][0] == Load(key="sender Slow", messages=10, duration=9.0)


def test_a_window_full_of_those_who_wait_holds_up_those_behind_it() -> None:
    limits = Limits(senders={"Slow": Rate(1)})
    messages = [*(sms(number, from_="Slow") for number in range(10)), sms()]
    assert plan(messages, limits, window=11).waits == 9
    assert plan(messages, limits, window=2).waits == 10


def test_a_cap_begins_unused_and_makes_the_next_wait_until_its_window_has_rolled() -> None:
    limits = Limits(senders={"Acme": Cap(100)})
    assert plan(many(100), limits).duration == 0.0
    assert plan(many(101), limits).duration == 86_400.0 + 60.0  # a day, and the minute in which it was counted


def test_a_whatsapp_pair_waits_six_seconds_for_each_message_but_the_first() -> None:
    estimate = plan([whatsapp() for _ in range(11)])
    assert estimate.duration == pytest.approx(60.0)
    assert estimate.busiest["pair"] == (Load(key=f"pair whatsapp/14155550100/{ALICE}", messages=11, duration=60.0),)


def test_the_busiest_keys_are_named_by_level_with_those_first_that_need_longest() -> None:
    limits = Limits(account=Rate(30), senders={"Slow": Rate(1)}, prefixes={"44": Rate(20), "1": Rate(5)})
    messages = [*many(50), *(sms(from_="Slow", to=f"1415555{number:04}") for number in range(20))]
    busiest = plan(messages, limits).busiest
    assert [*busiest] == ["account", "channel", "sender", "prefix"]
    assert [(load.key, load.messages) for load in busiest["account"]] == [("account", 70)]
    assert [(load.key, load.messages) for load in busiest["channel"]] == [("channel sms", 70)]
    assert [(load.key, load.messages) for load in busiest["sender"]] == [("sender Slow", 20), ("sender sms/Acme", 50)]
    assert [(load.key, load.messages) for load in busiest["prefix"]] == [("prefix 1", 20), ("prefix 44", 50)]


def test_a_sender_without_a_limit_is_named_too_and_needs_no_time() -> None:
    assert plan(many(3)).busiest["sender"] == (Load(key="sender sms/Acme", messages=3, duration=0.0),)


def test_several_limits_of_one_key_stand_each_by_itself() -> None:
    limits = Limits(account=(Rate(1), Cap(100)))
    assert [(load.key, load.duration) for load in plan(many(3), limits).busiest["account"]] == [
        ("account", 2.0),
        ("account #2", 0.0),
    ]


def test_of_many_keys_only_the_first_few_are_named() -> None:
    messages = [sms(number, from_=f"Shop{number % 20}") for number in range(100)]
    assert len(plan(messages).busiest["sender"]) == planning.BUSIEST


def test_what_names_neither_channel_nor_sender_is_counted_for_the_account_alone() -> None:
    assert [*plan([RawMessage({"text": "Hello"})]).busiest] == ["account"]


@pytest.mark.parametrize("length", [1, 160, 161, 306, 307])
def test_segments_are_those_of_the_texts(length: int) -> None:
    expected = {1: 1, 160: 1, 161: 2, 306: 2, 307: 3}
    assert plan([sms(text="a" * length)] * 3).segments == 3 * expected[length]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Sms(to=ALICE, from_="Acme", text="a" * 71, sms=SmsOptions(encoding_type="unicode")), 2),
        (Sms(to=ALICE, from_="Acme", text="a" * 71, sms=SmsOptions(encoding_type="auto")), 1),
        (Sms(to=ALICE, from_="Acme", text="\u0436" * 71, sms=SmsOptions(encoding_type="text")), 1),
        (RawMessage({"channel": "sms", "text": "a" * 161}), 2),
        (RawMessage({"channel": "sms", "text": "a" * 71, "sms": {"encoding_type": "unicode"}}), 2),
        (RawMessage({"channel": "sms", "text": "a" * 71, "sms": {"encoding_type": "new"}}), 1),
        (RawMessage({"to": {"type": "sms"}, "message": {"content": {"type": "text", "text": "a" * 161}}}), 2),
        (RawMessage({"channel": "sms", "text": 7}), 1),
        (whatsapp(), 0),
    ],
    ids=repr,
)
def test_segments_follow_the_encoding_and_are_counted_for_sms_only(message: Message, expected: int) -> None:
    assert plan([message]).segments == expected


def test_a_plan_is_readable_and_masks_whom_it_names() -> None:
    limits = Limits(account=Rate(30), senders={"14155550100": Rate(1)})
    messages = [*(sms(number, from_="14155550100", text="a" * 161) for number in range(300)), *many(4000)]
    assert str(plan(messages, limits)) == (
        "4,300 messages (4,600 SMS segments) in 4 min 59 s; 4,299 have to wait\n"
        "  account: 4,300, 2 min 23 s\n"
        "  channel sms: 4,300\n"
        "  sender 14*******00: 300, 4 min 59 s"
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0 s"),
        (0.125, "0.12 s"),
        (59.4, "59.4 s"),
        (60.0, "1 min"),
        (3_661.4, "1 h 1 min 1 s"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_written_in_the_units_that_people_use(seconds: float, expected: str) -> None:
    assert str(Load(key="account", messages=7, duration=seconds)).removeprefix("account: 7, ") in {
        expected,
        "account: 7",
    }
    assert planning._span(seconds) == expected


def test_a_plan_shows_no_number_in_its_repr() -> None:
    estimate = plan([whatsapp()])
    assert ALICE not in repr(estimate)
    assert "14155550100" not in repr(estimate)


def test_messages_are_read_one_by_one_and_not_kept() -> None:
    read = []

    def source() -> Iterator[Sms]:
        for number in range(50):
            read.append(number)
            yield sms(number)

    assert plan(source(), window=7).messages == 50
    assert read == list(range(50))


@pytest.mark.parametrize("limits", [Limits.published(), Limits(account=Rate(1000), senders={"14155550100": Rate(90)})])
def test_memory_does_not_grow_with_the_campaign(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_COUNTED", 1000)

    def peak(count: int) -> int:
        messages = (whatsapp(str(447700000000 + number)) for number in range(count))
        tracemalloc.start()
        plan(messages, limits, window=100)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(100)
    # Whatever else the process does meanwhile is counted too (300 kB once); what grows does so every time.
    assert any(peak(15_000) < 1.2 * peak(10_000) for _ in range(3))


def test_of_more_pairs_than_are_counted_the_busy_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_COUNTED", 100)
    busy = [whatsapp(ALICE) for _ in range(50)]
    others = [whatsapp(str(447700000000 + number)) for number in range(500)]
    busiest = plan([*busy, *others], Limits.published()).busiest["pair"]
    assert (busiest[0].key, busiest[0].messages) == (f"pair whatsapp/14155550100/{ALICE}", 50)


def test_more_senders_than_are_counted_at_a_time_lose_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_COUNTED", 10)
    messages = [sms(number, from_=f"Shop{number % 9}") for number in range(90)]
    messages += [sms(number, from_=f"Stall{number}") for number in range(30)]
    estimate = plan(messages)
    assert (estimate.messages, estimate.busiest["channel"][0].messages) == (120, 120)


@pytest.mark.parametrize("wrong", [None, "Hello", {"channel": "sms"}], ids=repr)
def test_what_is_no_message_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"^a message such as Sms\(…\) is needed, not "):
        plan([sms(), wrong])  # type: ignore[list-item]


def test_an_async_iterable_is_refused() -> None:
    class Source:
        def __aiter__(self) -> AsyncIterator[Sms]:
            raise NotImplementedError

    with pytest.raises(TypeError, match="not iterable"):
        plan(Source())  # type: ignore[arg-type]


def test_limits_of_another_kind_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="limits must be Limits, not Rate"):
        plan([], Rate(30))  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [0, -1, 1.5, True, "10"])
def test_a_window_that_is_no_whole_number_above_zero_is_refused(window: Any) -> None:
    with pytest.raises(ConfigurationError, match="window must be a whole number"):
        plan([], window=window)


def test_an_error_of_the_messages_is_raised_as_it_is() -> None:
    def source() -> Iterator[Sms]:
        yield sms()
        raise LookupError("line 2")

    with pytest.raises(LookupError, match="line 2"):
        plan(source())
