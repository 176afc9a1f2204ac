"""Which limits there are, and which of them a message falls under."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.levels import Limits, as_limits, own_levels, shared_levels, shown, typed_channels
from vonage_messages.limits.rate import Cap, Rate


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


@pytest.mark.parametrize(
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
        ({"senders": {7: Rate(1)}}, "a key that is no text: 7"),
        ({"senders": {"": Rate(1)}}, "a key that is no text: ''"),
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
    ],
)
def test_key_that_names_nobody_is_shown(key: str, seen: str) -> None:
    assert shown(key) == seen


@pytest.mark.parametrize("key", ["sender 14155550100", "sender sms/14155550100", "pair sms/14155550100/447700900000"])
def test_people_in_a_key_are_masked(key: str) -> None:
    assert "14155550100" not in shown(key)
    assert "447700900000" not in shown(key)
    assert shown(key).partition(" ")[0] == key.partition(" ")[0]
