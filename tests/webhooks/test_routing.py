"""Which handlers an event is for."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.parse import parse_inbound, parse_status
from vonage_messages.webhooks.routing import Filter, Router, sent_from, sent_to

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
TEXT = parse_inbound(
    {"channel": "whatsapp", "message_type": "text", "message_uuid": UUID, "to": "447700900000", "from": "447700900001"}
)
IMAGE = parse_inbound({"channel": "mms", "message_type": "image", "message_uuid": UUID, "to": "1", "from": "2"})
READ = parse_status({"channel": "whatsapp", "status": "read", "message_uuid": UUID, "to": "1", "from": "2"})
FUTURE = parse_status({"channel": "telepathy", "status": "believed", "message_uuid": UUID, "to": "1", "from": "2"})
EVENTS = {"text": TEXT, "image": IMAGE, "read": READ, "future": FUTURE}


async def handler(event: object) -> None:
    del event


async def another(event: object) -> None:
    del event


def matched(router: Router) -> set[str]:
    return {name for name, event in EVENTS.items() if router.match(event)}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"text", "image"}),
        ({"channel": "whatsapp"}, {"text"}),
        ({"channel": ["whatsapp", "mms"]}, {"text", "image"}),
        ({"message_type": "image"}, {"image"}),
        ({"message_type": ("image", "video")}, {"image"}),
        ({"channel": "mms", "message_type": "text"}, set()),
        ({"where": sent_to("447700900000")}, {"text"}),
        ({"where": ~sent_from("2")}, {"text"}),
    ],
)
def test_inbound_conditions_all_apply(conditions: dict[str, Any], expected: set[str]) -> None:
    router = Router()
    router.inbound(**conditions)(handler)
    assert matched(router) == expected


@pytest.mark.parametrize(
    ("statuses", "conditions", "expected"),
    [
        ((), {}, {"read", "future"}),
        (("read", "delivered"), {}, {"read"}),
        (("believed",), {}, {"future"}),
        ((), {"channel": "telepathy"}, {"future"}),
        (("read",), {"channel": "sms"}, set()),
        ((), {"where": sent_to("1")}, {"read", "future"}),
    ],
)
def test_status_conditions_all_apply(statuses: tuple[str, ...], conditions: dict[str, Any], expected: set[str]) -> None:
    router = Router()
    router.status(*statuses, **conditions)(handler)
    assert matched(router) == expected


def test_conditions_may_stand_by_position() -> None:
    router = Router()
    router.inbound("whatsapp", "text")(handler)
    assert matched(router) == {"text"}


def test_decorator_gives_the_function_back() -> None:
    assert Router().inbound()(handler) is handler


def test_handlers_come_in_the_order_they_were_added() -> None:
    router = Router()
    router.inbound()(another)
    router.event()(handler)
    assert router.match(TEXT) == [another, handler]


def test_handler_under_two_conditions_is_listed_once() -> None:
    router = Router()
    router.inbound(channel="whatsapp")(router.inbound(message_type="text")(handler))
    assert router.match(TEXT) == [handler]


def test_event_handler_takes_both_kinds() -> None:
    router = Router()
    router.event()(handler)
    assert matched(router) == set(EVENTS)


def test_event_handler_takes_a_condition() -> None:
    router = Router()
    router.event(where=lambda event: event.channel == "telepathy")(handler)
    assert matched(router) == {"future"}


def test_otherwise_takes_what_no_other_matches() -> None:
    router = Router()
    router.inbound(channel="whatsapp")(handler)
    router.otherwise()(another)
    assert [router.match(TEXT), router.match(IMAGE), router.match(READ)] == [[handler], [another], [another]]


def test_event_handler_does_not_silence_otherwise() -> None:
    router = Router()
    router.event()(handler)
    router.otherwise()(another)
    assert router.match(READ) == [handler, another]


def test_conditions_combine() -> None:
    whatsapp = Filter(lambda event: event.channel == "whatsapp")
    status = Filter(lambda event: hasattr(event, "status"))
    combined = {"and": whatsapp & status, "or": whatsapp | status, "not": ~whatsapp, "mixed": ~(whatsapp & ~status)}
    taken = {name: {key for key, event in EVENTS.items() if one(event)} for name, one in combined.items()}
    assert taken == {
        "and": {"read"},
        "or": {"text", "read", "future"},
        "not": {"image", "future"},
        "mixed": {"image", "read", "future"},
    }


def test_condition_that_raises_is_not_hidden() -> None:
    router = Router()
    router.inbound(where=lambda event: event.no_such_attribute)(handler)
    with pytest.raises(AttributeError):
        router.match(TEXT)


def test_included_router_is_matched_with_handlers_added_later() -> None:
    inner, outer = Router(), Router()
    outer.include(inner)
    inner.inbound()(handler)
    assert outer.match(TEXT) == [handler]


def test_included_router_may_stand_under_a_condition() -> None:
    inner, outer = Router(), Router()
    inner.event()(handler)
    outer.include(inner, where=lambda event: event.channel == "mms")
    assert matched(outer) == {"image"}


def test_otherwise_of_an_included_router_waits_for_every_router() -> None:
    inner, outer = Router(), Router()
    inner.otherwise()(another)
    outer.include(inner)
    outer.inbound()(handler)
    assert [outer.match(TEXT), outer.match(READ)] == [[handler], [another]]


def test_router_cannot_include_itself() -> None:
    first, second, third = Router(), Router(), Router()
    first.include(second)
    second.include(third)
    with pytest.raises(ConfigurationError, match="itself"):
        third.include(first)


def test_only_a_router_can_be_included() -> None:
    with pytest.raises(ConfigurationError, match="list"):
        Router().include([])  # type: ignore[arg-type]


def test_function_that_is_not_async_is_refused_at_once() -> None:
    def forgetful(event: object) -> None:
        del event

    with pytest.raises(ConfigurationError, match="async def forgetful"):
        Router().inbound()(forgetful)  # type: ignore[type-var]


def test_async_methods_partials_and_callables_are_handlers() -> None:
    class Service:
        async def handle(self, event: object) -> None: ...

        async def __call__(self, event: object) -> None: ...

    router = Router()
    for one in (Service().handle, Service(), functools.partial(handler)):
        router.event()(one)
    assert len(router.match(READ)) == 3


def test_forgotten_brackets_are_explained() -> None:
    with pytest.raises(ConfigurationError, match="brackets"):
        Router().inbound(handler)  # type: ignore[arg-type]


@pytest.mark.parametrize("names", ["", [], [""], [None], [5]])
def test_names_that_are_none_are_refused(names: Any) -> None:
    with pytest.raises(ConfigurationError, match="channel"):
        Router().inbound(channel=names)


def test_condition_that_is_no_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="where"):
        Router().inbound(where="text")  # type: ignore[arg-type]
