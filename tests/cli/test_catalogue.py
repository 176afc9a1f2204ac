"""The demo leaves nothing out: every class, in every version that has it, and every builder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from vonage_messages import AnyMessage, Message, RawMessage, RcsSuggestion, to_payload
from vonage_messages.channels.messenger import MessengerTemplate
from vonage_messages.channels.whatsapp_custom import WhatsappCustomObject
from vonage_messages.cli.catalogue import exhibits
from vonage_messages.wire import v0_1, v1

EXHIBITS = list(exhibits())
CLASSES: tuple[type[Message], ...] = get_args(AnyMessage)


def shown(version: str) -> set[type[Message]]:
    return {type(each.message) for each in EXHIBITS if version in each.versions}


def concrete(base: type[Any]) -> Iterator[type[Any]]:
    """Every class below *base* that writes itself out; those with an underscore are bases themselves."""
    for each in base.__subclasses__():
        yield from concrete(each)
        if not each.__name__.startswith("_"):
            yield each


@pytest.mark.each("cls", [each for each in CLASSES if each not in v1.NOT_IN_V1], ids=lambda cls: cls.__name__)
def test_every_class_that_v1_has_is_sent_over_v1(cls: type[Message]) -> None:
    assert cls in shown("v1")


@pytest.mark.each("cls", [each for each in CLASSES if each not in v0_1.NOT_IN_V0_1], ids=lambda cls: cls.__name__)
def test_every_class_that_v0_1_has_is_sent_over_v0_1(cls: type[Message]) -> None:
    assert cls in shown("v0.1")


def test_the_union_of_messages_lists_every_row_of_both_tables() -> None:
    assert {*v1.SHAPES, *v0_1.SHAPES, RawMessage} == set(CLASSES)


def test_every_whatsapp_builder_is_sent() -> None:
    kinds = {cls.kind for cls in concrete(WhatsappCustomObject) if hasattr(cls, "kind")}
    custom = [each.message.custom for each in EXHIBITS if hasattr(each.message, "custom")]
    assert len(kinds) == 8
    assert kinds == {each["interactive"]["type"] for each in custom if each.get("type") == "interactive"}
    assert {"location", "contacts", "template", "interactive"} == {each["type"] for each in custom if "type" in each}


def test_both_messenger_templates_are_sent() -> None:
    names = {cls.__name__ for cls in concrete(MessengerTemplate)}
    assert names == {"MessengerButtonTemplate", "MessengerGenericTemplate"}
    custom = [each.message.custom for each in EXHIBITS if hasattr(each.message, "custom")]
    kinds = {each["attachment"]["payload"]["template_type"] for each in custom if "attachment" in each}
    assert kinds == {"button", "generic"}


def test_every_suggestion_is_sent() -> None:
    suggestions = [each for exhibit in EXHIBITS for each in getattr(exhibit.message, "suggestions", None) or ()]
    assert {type(each) for each in suggestions} == set(get_args(RcsSuggestion))


def test_a_failover_chain_is_sent() -> None:
    chains = [each.message.failover for each in EXHIBITS if each.message.failover]
    assert [[item.channel for item in chain] for chain in chains] == [["whatsapp", "sms"]]


def test_no_two_rows_of_the_demo_look_the_same() -> None:
    rows = [
        (each.message.channel, each.message.message_type, each.detail, version)
        for each in EXHIBITS
        for version in each.versions
    ]
    assert len(rows) == len(set(rows))


def test_every_exhibit_can_be_written_in_each_of_its_versions() -> None:
    payloads = [to_payload(each.message, version) for each in EXHIBITS for version in each.versions]
    assert all("channel" in each or "message" in each for each in payloads)
