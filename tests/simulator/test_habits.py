"""Scripts of people: who reads, who answers, what is tapped; decided as pure calls, done on the simulator's clock."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import Answers, Delivery, Habit, Reacts, Reads, Simulator, Stops, Taps
from vonage_messages.simulator.draws import Draws
from vonage_messages.simulator.habits import People, deed
from vonage_messages.simulator.offers import Offer, offers

PERSON = "447700900000"
COMPANY = "447700900001"
FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)
INTERACTIVE: dict[str, Any] = {
    "channel": "whatsapp",
    "custom": {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "y", "title": "Yes"}},
                    {"type": "reply", "reply": {"id": "n", "title": "No"}},
                ]
            },
        },
    },
}


def done(*acts: Any, channel: str = "sms", payload: dict[str, Any] | None = None, text: str = "1") -> Any:
    return deed(Habit(acts=acts), Draws(text), channel, payload or {})


def test_one_in_five_answers_and_one_in_ten_stops() -> None:
    acts = (Answers("YES", share=0.2, after=5), Stops(share=0.1))
    texts = [None if each is None else each.fields["text"] for each in (done(*acts, text=str(n)) for n in range(4000))]
    assert abs(texts.count("YES") / 4000 - 0.2) < 0.03
    assert abs(texts.count("STOP") / 4000 - 0.1) < 0.03
    assert texts.count(None) > 2500


def test_what_is_tapped_is_what_comes_back() -> None:
    tapped = done(Taps("No"), channel="whatsapp", payload=INTERACTIVE)
    assert (tapped.message_type, tapped.fields) == ("reply", {"reply": {"id": "n", "title": "No"}})
    assert done(Taps("Maybe"), channel="whatsapp", payload=INTERACTIVE) is None
    assert done(Taps(), channel="sms", payload={"text": "Hello"}) is None
    labels = {
        done(Taps(), channel="whatsapp", payload=INTERACTIVE, text=str(n)).fields["reply"]["title"] for n in range(50)
    }
    assert labels == {"Yes", "No"}


def test_reactions_are_of_whatsapp_alone() -> None:
    assert done(Reacts("\U0001f602"), channel="whatsapp").fields == {
        "reaction": {"action": "react", "emoji": "\U0001f602"}
    }
    assert done(Reacts(), channel="sms") is None


def suggestion(kind: str, text: str) -> dict[str, str]:
    return {"type": kind, "text": text, "postback_data": f"data-{text}"}


@pytest.mark.parametrize(
    ("channel", "payload", "labels"),
    [
        ("rcs", {"suggestions": [suggestion("reply", "a"), suggestion("dial", "b")]}, ["a", "b"]),
        ("rcs", {"card": {"suggestions": [suggestion("reply", "c")]}}, ["c"]),
        (
            "rcs",
            {
                "carousel": {"cards": [{"suggestions": [suggestion("reply", "d")]}, {}]},
                "suggestions": [suggestion("reply", "e")],
            },
            ["e", "d"],
        ),
        ("whatsapp", INTERACTIVE, ["Yes", "No"]),
        (
            "whatsapp",
            {"custom": {"interactive": {"action": {"sections": [{"rows": [{"id": "1", "title": "Row"}]}]}}}},
            ["Row"],
        ),
        (
            "whatsapp",
            {
                "custom": {
                    "template": {
                        "components": [
                            {"type": "body"},
                            {
                                "type": "button",
                                "sub_type": "quick_reply",
                                "parameters": [{"type": "payload", "payload": "ring"}],
                            },
                            {"type": "button", "sub_type": "url", "parameters": [{"type": "text", "text": "x"}]},
                        ]
                    }
                }
            },
            ["ring"],
        ),
        ("viber_service", {"viber_service": {"action": {"url": "https://example.com", "text": "Go"}}}, []),
        ("rcs", {"suggestions": "no list", "card": [1], "carousel": {"cards": {"a": 1}}}, []),
        ("whatsapp", {"custom": {"interactive": {"action": {"buttons": [1, {"type": "reply", "reply": 5}]}}}}, [""]),
    ],
)
def test_everything_that_can_be_tapped_is_offered(channel: str, payload: dict[str, Any], labels: list[str]) -> None:
    assert [offer.label for offer in offers(channel, payload)] == labels


def test_action_and_reply_come_back_differently() -> None:
    payload = {"suggestions": [suggestion("reply", "a"), suggestion("dial", "b")]}
    assert offers("rcs", payload) == (
        Offer(label="a", message_type="reply", fields={"reply": {"id": "data-a", "title": "a"}}),
        Offer(label="b", message_type="button", fields={"button": {"payload": "data-b", "text": "b"}}),
    )


def test_most_precise_habit_counts() -> None:
    people = People()
    everybody = people.add(Answers("all"))
    channel = people.add(Answers("channel"), channel="sms")
    person = people.add(Answers("person"), to=PERSON)
    both = people.add(Habit(to=PERSON, channel="sms", acts=(Answers("both"),)))
    assert [people.of(*key) for key in ((PERSON, "sms"), (PERSON, "rcs"), ("1", "sms"), ("1", "rcs"))] == [
        both,
        person,
        channel,
        everybody,
    ]
    assert people.add(Answers("again"), to=PERSON) != person
    assert len(people) == len(list(people)) == 4
    people.remove(both)
    people.remove(both)
    assert len(people) == 3
    people.clear()
    assert people.of(PERSON, "sms") is None


def test_habit_is_read_from_a_table_and_written_to_one() -> None:
    table = tomllib.loads("""
        to = "447700900000"
        channel = "whatsapp"
        reads = { share = 0.9, after = 3 }
        answers = [{ text = "YES", share = 0.2, after = 5 }, { text = "NO", share = 0.1 }]
        taps = { label = "Yes", share = 0.1 }
        stops = { share = 0.01 }
    """)
    habit = Habit.from_mapping(table)
    assert habit.reads == Reads(share=0.9, after=3)
    assert habit.acts == (
        Answers("YES", share=0.2, after=5),
        Answers("NO", share=0.1),
        Taps("Yes", share=0.1),
        Stops(share=0.01),
    )
    assert Habit.from_mapping(habit.to_mapping()) == habit
    assert Habit.from_mapping({}) == Habit()
    assert PERSON not in repr(habit)


@pytest.mark.each(
    ("table", "words"),
    [
        ({"answer": {"text": "x"}}, "no answer"),
        ({"answers": {"share": 0.5}}, "text"),
        ({"answers": "YES"}, "table"),
        ({"answers": {"text": ""}}, "empty"),
        ({"answers": {"text": "x", "delay": 1}}, "no delay"),
        ({"reads": {"share": 1.5}}, "share"),
        ({"reads": {"after": -1}}, "after"),
        ({"reads": {"after": True}}, "after"),
        ({"stops": [{"share": 0.6}, {"share": 0.6}]}, "more than 1"),
        ({"channel": "email"}, "people write on"),
        ({"to": 5}, "to must be"),
    ],
)
def test_habit_that_cannot_be_is_refused_with_a_sentence(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Habit.from_mapping(table)


def test_somebody_reads_in_one_way() -> None:
    with pytest.raises(ConfigurationError, match="at most one Reads"):
        People().add(Reads(), Reads())
    with pytest.raises(ConfigurationError, match="at most one Reads"):
        People().add(Habit(), to=PERSON)


async def test_person_reads_after_three_seconds_and_answers_after_five_more() -> None:
    clock = ManualClock()
    begun = clock()
    async with Simulator(clock=clock, delivery=FAST) as simulator, simulator.client() as client:
        simulator.people.add(Reads(after=3), Answers("YES", after=5))
        await client.send(WhatsappText(to=PERSON, from_=COMPANY, text="Coming?"))
        await client.send(Sms(to=PERSON, from_=COMPANY, text="Coming?"))
        await simulator.advance(7.9)
        whatsapp, sms = simulator.messages
        notes = simulator.state.statuses(whatsapp.message_uuid)
        assert [(note.status, round(note.at.timestamp() - begun)) for note in notes][-1] == ("read", 3)
        assert simulator.state.inbound == []
        await simulator.advance(0.2)
        answers = {each.channel: each for each in simulator.state.inbound}
        assert set(answers) == {"whatsapp", "sms"}
        for channel, message in (("whatsapp", whatsapp), ("sms", sms)):
            assert answers[channel].payload is not None
            assert answers[channel].payload["text"] == "YES"  # type: ignore[index]
            assert (answers[channel].from_, answers[channel].to) == (PERSON, COMPANY)
            assert answers[channel].context_uuid == message.message_uuid


async def test_who_does_not_read_does_not_answer() -> None:
    clock = ManualClock()
    async with Simulator(clock=clock, delivery=FAST) as simulator, simulator.client() as client:
        simulator.people.add(Reads(share=0), Answers("YES"))
        for message in (
            WhatsappText(to=PERSON, from_=COMPANY, text="Coming?"),
            Sms(to=PERSON, from_=COMPANY, text="Coming?"),
        ):
            await client.send(message)
        await simulator.advance(3600)
        assert simulator.state.inbound == []
        assert {simulator.state.statuses(each.message_uuid)[-1].status for each in simulator.messages} == {"delivered"}


async def test_what_does_not_arrive_is_not_answered_and_what_has_no_number_neither() -> None:
    clock = ManualClock()
    async with Simulator(clock=clock, delivery=FAST) as simulator, simulator.client() as client:
        simulator.people.add(Stops())
        simulator.fail(1180, to=PERSON)
        await client.send(Sms(to=PERSON, from_=COMPANY, text="Hello"))
        await client.send(Sms(to="447700900005", from_="Acme", text="Hello"))
        await simulator.advance(60)
        assert simulator.state.inbound == []


async def test_suggestion_that_was_sent_is_tapped() -> None:
    clock = ManualClock()
    async with Simulator(clock=clock, delivery=FAST) as simulator, simulator.client() as client:
        simulator.people.add(Taps("Yes"), channel="rcs")
        suggestions = [{"type": "reply", "text": label, "postback_data": label.lower()} for label in ("Yes", "No")]
        await client.send(RcsText(to=PERSON, from_="Acme", text="Coming?", suggestions=suggestions))
        await simulator.advance(60)
        (known,) = simulator.state.inbound
        assert known.payload is not None
        assert (known.message_type, known.payload["reply"]) == ("reply", {"id": "yes", "title": "Yes"})


async def test_message_that_was_forgotten_is_not_answered() -> None:
    clock = ManualClock()
    async with Simulator(clock=clock, delivery=FAST) as simulator, simulator.client() as client:
        simulator.people.add(Answers("YES", after=60))
        await client.send(Sms(to=PERSON, from_=COMPANY, text="Coming?"))
        await simulator.settle()
        simulator.clear()
        await simulator.advance(120)
        assert simulator.state.inbound == []
