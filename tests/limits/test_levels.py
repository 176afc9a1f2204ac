"""Which limits there are, and which of them a message falls under."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from vonage_messages import ConfigurationError, ViberTemplate
from vonage_messages.channels.enums import ChannelType
from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.levels import Limits, as_limits, own_levels, shared_levels, shown, typed_channels
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.wire import v0_1, v1

EVERY_LEVEL = Limits(
    account=[Rate(30), Cap(100)],
    channels={"sms": Rate(20)},
    senders={"14155550100": (Rate(1), Cap(2_000)), "email/sales/uk@example.com": Rate(2)},
    each_sender={"messenger/audio,video": Rate(10)},
    pairs={"whatsapp": Rate(1, per=6.0, burst=45)},
    prefixes={"1": Rate(10)},
)


def message(channel: str = "sms", kind: str = "text", sender: str = "Acme", to: str = "447700900000") -> RawMessage:
    return RawMessage({"channel": channel, "message_type": kind, "from": sender, "to": to})


def keys(limits: Limits, sent: RawMessage) -> list[str]:
    return [key for key, _ in (*shared_levels(limits, sent), *own_levels(limits, sent))]


def test_message_falls_under_every_level_that_names_it() -> None:
    limits = Limits(
        channels={"sms": Rate(1), "rcs": Rate(1)},
        senders={"Acme": Rate(1)},
        pairs={"sms": Rate(1)},
        prefixes={"44": Rate(1)},
    )

    assert keys(limits, message()) == ["channel sms", "sender Acme", "prefix 44", "pair sms/Acme/447700900000"]


def test_named_sender_is_not_limited_as_one_of_many() -> None:
    limits = Limits(senders={"Acme": Rate(1)}, each_sender={"sms": Rate(2)})

    assert keys(limits, message()) == ["sender Acme"]
    assert keys(limits, message(sender="Other")) == ["sender sms/Other"]


def test_sender_on_one_channel_goes_before_the_sender_as_such() -> None:
    limits = Limits(senders={"Acme": Rate(1), "sms/Acme": Rate(2)})

    assert keys(limits, message()) == ["sender sms/Acme"]
    assert keys(limits, message("rcs")) == ["sender Acme"]


def test_message_types_share_a_limit_of_their_own() -> None:
    limits = Limits(each_sender={"messenger": Rate(300), "messenger/audio,video": Rate(10)})

    assert keys(limits, message("messenger", "audio")) == keys(limits, message("messenger", "video"))
    assert keys(limits, message("messenger", "video")) == ["sender messenger/Acme", "sender messenger:audio,video/Acme"]
    assert keys(limits, message("messenger", "text")) == ["sender messenger/Acme"]


def test_longest_prefix_counts() -> None:
    limits = Limits(prefixes={"1": Rate(1), "+1242": Rate(2)})

    assert keys(limits, message(to="12425550100")) == ["prefix 1242"]
    assert keys(limits, message(to="15555550100")) == ["prefix 1"]
    assert keys(limits, message(to="somebody")) == []


def test_each_of_several_limits_has_a_key_of_its_own() -> None:
    limits = Limits(senders={"Acme": [Rate(1), Cap(2_000)]})

    assert keys(limits, message()) == ["sender Acme", "sender Acme #2"]


def test_numbers_of_senders_are_normalised() -> None:
    limits = Limits(senders={"+1 415 555 0100": Rate(1), "whatsapp/+14155550101": Rate(1)})

    assert list(limits.senders) == ["14155550100", "whatsapp/14155550101"]


@pytest.mark.each(
    ("arguments", "sentence"),
    [
        ({"account": 30}, "the limit of account must be a Rate, a Cap, or a list of them, not 30"),
        ({"account": ()}, "the limit of account must be"),
        ({"account": (Rate(1), 2)}, "the limit of account must be"),
        ({"channels": [Rate(1)]}, "Limits channels must be a mapping, not list"),
        ({"channels": {"fax": Rate(1)}}, "a channel that does not exist, 'fax'"),
        ({"channels": {"sms": 1}}, "the limit of channels sms must be"),
        ({"pairs": {"messenger/": Rate(1)}}, "must name message types behind the slash"),
        ({"each_sender": {"messenger/audio,": Rate(1)}}, "must name message types behind the slash"),
        ({"channels": {"messenger/audioo": Rate(1)}}, "a message type that messenger does not have, 'audioo'"),
        (
            {"pairs": {"sms/text,image": Rate(1)}},
            "a message type that sms does not have, 'image': it must be one of text",
        ),
        ({"each_sender": {"mms/audio,image": Rate(1), "mms/image, audio": Rate(1)}}, "names mms/audio,image twice"),
        ({"senders": {14155550100: Rate(1)}}, 'the number 14155550100 for a key: write it in quotes, "14155550100"'),
        ({"senders": {None: Rate(1)}}, "a key that is no text: None"),
        ({"senders": {"": Rate(1)}}, "Limits senders has an empty key"),
        ({"prefixes": {" ": Rate(1)}}, "Limits prefixes has an empty key"),
        ({"senders": {"whatsap/14155550100": Rate(1)}}, "must have a channel before the slash, not 'whatsap'"),
        ({"senders": {"whatsapp/": Rate(1)}}, "must name a sender behind the slash, such as whatsapp/Acme"),
        ({"senders": {"Acme": None}}, "the limit of senders Acme must be a Rate, a Cap, or a list of them, not None"),
        ({"senders": {"+14155550100": Rate(1), "14155550100": Rate(2)}}, "names 14155550100 twice"),
        ({"prefixes": {"0044": Rate(1)}}, "must be the first digits of a number"),
        ({"prefixes": {"UK": Rate(1)}}, "must be the first digits of a number"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_place(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limits(**arguments)

    assert sentence in str(caught.value)


def test_limits_cannot_be_changed() -> None:
    given = {"sms": Rate(1)}
    limits = Limits(channels=given)
    given["rcs"] = Rate(1)

    assert list(limits.channels) == ["sms"]
    with pytest.raises(TypeError):
        limits.channels["rcs"] = Rate(1)  # type: ignore[index]


@pytest.mark.each("limits", [EVERY_LEVEL, Limits.published(), Limits.unlimited()])
@pytest.mark.each(
    "repeat",
    [lambda limits: pickle.loads(pickle.dumps(limits)), copy.copy, copy.deepcopy, lambda limits: eval(repr(limits))],  # noqa: S301, S307  our own
    ids=["pickle", "copy", "deepcopy", "repr"],
)
def test_limits_are_a_value(limits: Limits, repeat: Any) -> None:
    repeated = repeat(limits)

    assert repeated == limits
    assert hash(repeated) == hash(limits)
    assert list(repeated.each()) == list(limits.each())


def test_limits_that_differ_are_not_equal() -> None:
    others = {
        Limits(account=Rate(1)),
        Limits(channels={"sms": Rate(1)}),
        Limits(each_sender={"sms": Rate(1)}),
        Limits(pairs={"sms": Rate(1)}),
        Limits(pairs={"sms": Rate(2)}),
    }

    assert len(others) == 5
    assert Limits(pairs={"sms": Rate(1)}) in others
    assert Limits(pairs={"rcs": Rate(1)}) not in others


def test_order_of_entries_makes_no_difference() -> None:
    one, other = {"sms": Rate(1), "rcs": Rate(2)}, {"rcs": Rate(2), "sms": Rate(1)}

    assert Limits(pairs=one) == Limits(pairs=other)
    assert hash(Limits(pairs=one)) == hash(Limits(pairs=other))


def test_limits_show_no_level_that_is_empty() -> None:
    assert repr(Limits()) == "Limits()"
    assert repr(Limits(channels={ChannelType.SMS: Cap(5)})) == "Limits(channels={'sms': Cap(n=5, per=86400.0)})"


def test_limits_are_written_one_entry_to_a_line() -> None:
    assert str(EVERY_LEVEL).splitlines() == [
        "account: 30 in 1 s; 100 in any 1 day",
        "channels sms: 20 in 1 s",
        "senders 14155550100: 1 in 1 s; 2000 in any 1 day",
        "senders email/sales/uk@example.com: 2 in 1 s",
        "each_sender messenger/audio,video: 10 in 1 s",
        "pairs whatsapp: 1 in 6 s, at most 45 at once",
        "prefixes 1: 10 in 1 s",
    ]
    assert str(Limits.unlimited()) == "no limits"


def test_a_thousand_senders_are_not_written_out() -> None:
    lines = str(Limits(senders={f"1415555{number:04}": Rate(1) for number in range(1_010)})).splitlines()

    assert lines[9:] == ["senders 14155550009: 1 in 1 s", "senders: 1,000 more"]


def test_entries_that_are_replaced_leave_the_others() -> None:
    limits = Limits.published().replacing(each_sender={"whatsapp": [Rate(1000), Cap(5)], "sms": Rate(1)})

    assert dict(limits.each_sender) == {
        **Limits.published().each_sender,
        "whatsapp": (Rate(1000), Cap(5)),
        "sms": Rate(1),
    }
    assert limits.account == Rate(30)
    assert limits.pairs == Limits.published().pairs


@pytest.mark.parametrize("level", ["channels", "senders", "each_sender", "pairs", "prefixes"])
def test_every_level_can_be_replaced(level: str) -> None:
    key = {"senders": "Acme", "prefixes": "49"}.get(level, "rcs")
    changed = EVERY_LEVEL.replacing(**{level: {key: Rate(7)}})

    assert getattr(changed, level) == {**getattr(EVERY_LEVEL, level), key: Rate(7)}
    assert changed.replacing(**{level: {key: None}}) == EVERY_LEVEL


def test_nothing_is_replaced_where_nothing_is_given() -> None:
    assert EVERY_LEVEL.replacing() == EVERY_LEVEL
    assert EVERY_LEVEL.replacing(senders={}) == EVERY_LEVEL


def test_limit_of_the_account_can_be_replaced_and_taken_away() -> None:
    assert Limits.published().replacing(account=Rate(5)).account == Rate(5)
    assert Limits.published().replacing(account=None).account is None


@pytest.mark.parametrize("written", ["+1 415 555 0100", "14155550100"])
def test_entry_is_found_however_its_number_is_written(written: str) -> None:
    assert "14155550100" not in EVERY_LEVEL.replacing(senders={written: None}).senders


def test_entry_is_found_however_its_message_types_are_ordered() -> None:
    limits = Limits.published().replacing(each_sender={"messenger/video, audio": Rate(5)})

    assert limits.each_sender["messenger/audio,video"] == Rate(5)
    assert len(limits.each_sender) == len(Limits.published().each_sender)


def test_taking_away_what_is_not_there_changes_nothing() -> None:
    assert Limits(account=Rate(1)).replacing(senders={"Acme": None}) == Limits(account=Rate(1))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"account": 30}, "the limit of account must be"),
        ({"channels": {"fax": None}}, "a channel that does not exist, 'fax'"),
        ({"channels": {"sms": 1}}, "the limit of channels sms must be"),
        ({"senders": [None]}, "Limits senders must be a mapping, not list"),
        ({"senders": {"+14155550100": None, "14155550100": Rate(2)}}, "names 14155550100 twice"),
    ],
)
def test_what_cannot_replace_a_limit_is_refused_with_its_place(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        EVERY_LEVEL.replacing(**arguments)

    assert sentence in str(caught.value)


@pytest.mark.each("shape", [*v1.SHAPES.values(), v0_1.SHAPES[ViberTemplate]], ids=str)
def test_every_message_type_may_have_a_limit_of_its_own(shape: Any) -> None:
    channel = shape.channel.removesuffix("_msg")
    message_type = getattr(shape, "message_type", None) or shape.content_type
    limits = Limits(channels={f"{channel}/{message_type}": Rate(1)})

    assert keys(limits, message(channel, message_type)) == [f"channel {channel}:{message_type}"]


def test_sender_that_holds_a_slash_stands_behind_its_channel() -> None:
    assert keys(EVERY_LEVEL, message("email", "html", "sales/uk@example.com")) == ["sender email/sales/uk@example.com"]


def test_caps_are_found_on_every_level() -> None:
    limits = Limits(account=(Rate(1), Cap(1)), senders={"Acme": Cap(2)}, pairs={"sms": Rate(1)})

    assert limits.caps == ("account", "senders Acme")
    assert [where for where, _ in limits.each()] == ["account", "account", "senders Acme", "pairs sms"]


def test_no_limit_is_an_empty_list() -> None:
    assert as_limits(None) == ()
    assert list(Limits.unlimited().each()) == []


def test_channels_are_typed_where_some_message_types_have_limits_that_others_have_not() -> None:
    limits = Limits(each_sender={"messenger/audio": Rate(1), "sms": Rate(1)}, pairs={"rcs/text": Rate(1)})

    assert typed_channels(limits) == {"messenger", "rcs"}


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("account", "account"),
        ("channel sms", "channel sms"),
        ("prefix 44", "prefix 44"),
        ("account #2", "account #2"),
        ("channel messenger:audio,video #2", "channel messenger:audio,video #2"),
    ],
)
def test_key_that_names_nobody_is_shown(key: str, seen: str) -> None:
    assert shown(key) == seen


@pytest.mark.parametrize("key", ["sender 14155550100", "sender sms/14155550100", "pair sms/14155550100/447700900000"])
def test_people_in_a_key_are_masked(key: str) -> None:
    assert "14155550100" not in shown(key)
    assert "447700900000" not in shown(key)
    assert shown(key).partition(" ")[0] == key.partition(" ")[0]


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("sender 447700900001 #2", "sender 44********01 #2"),
        ("sender whatsapp/447700900001 #12", "sender whatsapp/44********01 #12"),
        ("pair sms/14155550100/447700900000 #2", "pair sms/14*******00/44********00 #2"),
        ("sender Acme Company #x", "sender Ac***********#x"),
        ("sender #2", "sender **"),
    ],
)
def test_number_of_a_limit_is_told_apart_from_the_name(key: str, seen: str) -> None:
    assert shown(key) == seen
