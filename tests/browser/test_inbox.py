"""The inbox in a real browser: what is sent is seen, what is tapped and written lands in a real webhook service."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from vonage_messages import (
    RawMessage,
    RcsCustom,
    RcsText,
    Sms,
    ValidationError,
    WhatsappImage,
    WhatsappText,
)
from vonage_messages.cli.catalogue import exhibits
from vonage_messages.simulator import ReceivedMessage
from vonage_messages.webhooks.content import Contacts, Image, Location, Reaction, Reply, Text

from .conftest import NARROW, WIDE

if TYPE_CHECKING:
    from vonage_messages import SentMessage
    from vonage_messages.testing import RunningSimulator, RunningWebhooks
    from vonage_messages.webhooks import InboundMessage

    from .conftest import Open
    from .watching import Watched

PERSON = "447700900000"
COMPANY = "447700900001"
QUESTION = WhatsappText(to=PERSON, from_=COMPANY, text="Shall we ring?")
BUTTONS = RcsText(
    to=PERSON,
    from_="Acme",
    text="Shall we ring?",
    suggestions=[
        {"type": "reply", "text": "Yes, please", "postback_data": "ring"},
        {"type": "reply", "text": "No", "postback_data": "leave"},
    ],
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EXHIBITS = list(exhibits())
CHANNELS = sorted({str(each.message.channel): None for each in EXHIBITS})
Send = Callable[..., "SentMessage"]


def conversation(channel: str, person: str = PERSON) -> str:
    return f"/?c={quote(f'{channel}:{person}')}"


def bubble(page: Page, sent: SentMessage | str) -> Any:
    return page.locator(f"#m-{sent if isinstance(sent, str) else sent.message_uuid}")


def answers(expected: type[Any]) -> Callable[[InboundMessage], bool]:
    return lambda event: isinstance(event.content, expected)


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_message_of_a_channel_is_seen_on_the_phone(
    inbox: Watched, send: Send, vonage_simulator: RunningSimulator, channel: str
) -> None:
    shown = [each for each in EXHIBITS if each.message.channel == channel and "v1" in each.versions]
    sent = [send(each.message) for each in shown]
    vonage_simulator.settle().result()
    people = {vonage_simulator.state.message(each.message_uuid).to for each in sent}

    seen = set()
    for person in people:
        inbox.open(conversation(channel, person))
        expect(inbox.page.get_by_test_id("person")).to_have_text(person)
        seen |= {each.get_attribute("data-uuid") for each in inbox.page.get_by_test_id("message").all()}
        events = inbox.page.get_by_test_id("event").all()
        seen |= {(each.get_attribute("id") or "").removeprefix("m-") for each in events}
        inbox.check_accessible(f"{channel}, all messages")

    assert {each.message_uuid for each in sent} <= seen
    # What is drawn is what a phone shows: JSON only where the message is JSON that nobody knows.
    raw = inbox.page.get_by_test_id("raw").count()
    assert raw <= sum(type(each.message).__name__ == "RawMessage" or "custom" in str(each.message) for each in shown)


def test_ticks_move_while_the_page_is_open(inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks) -> None:
    inbox.open("/")
    expect(inbox.page.get_by_test_id("connection")).to_contain_text("live")

    sent = send(QUESTION)
    inbox.page.get_by_test_id("conversation").click()
    vonage_webhooks.wait_for(sent, "read").result()

    expect(bubble(inbox.page, sent).get_by_test_id("inspect")).to_have_attribute("aria-label", re.compile("read"))
    inbox.check_accessible("a conversation that has been read")


def test_a_tapped_reply_lands_in_the_service(inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks) -> None:
    sent = send(BUTTONS)
    inbox.open(conversation("rcs"))
    inbox.check_accessible("a question with answers to tap")

    inbox.page.get_by_role("button", name="Yes, please").click()

    reply = vonage_webhooks.wait_for_inbound().result()
    assert isinstance(reply.content, Reply)
    assert (reply.content.id, reply.content.title, reply.from_, reply.to) == ("ring", "Yes, please", PERSON, "Acme")
    mine = bubble(inbox.page, reply.message_uuid)
    expect(mine).to_contain_text("Yes, please")
    expect(mine).to_have_class(re.compile("mine"))
    expect(inbox.page.get_by_test_id("suggestions")).to_have_count(0)  # they go with the next message, as on a phone
    assert vonage_webhooks.wait_for_reply(sent).result().message_uuid == reply.message_uuid


def test_a_person_writes_text_and_stop(inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks) -> None:
    send(Sms(to=PERSON, from_=COMPANY, text="Our news"))
    inbox.open(conversation("sms"))

    inbox.page.get_by_test_id("say").fill("What news?\nTell me.")
    inbox.page.get_by_test_id("send").click()
    first = vonage_webhooks.wait_for_inbound().result()
    inbox.page.get_by_role("button", name="STOP").click()
    second = vonage_webhooks.wait_for_inbound(lambda event: event.message_uuid != first.message_uuid).result()

    assert isinstance(first.content, Text)
    assert first.content.text == "What news?\nTell me."
    assert second.sms is not None
    assert second.sms.keyword == "STOP"
    expect(bubble(inbox.page, second.message_uuid)).to_contain_text("STOP")
    expect(inbox.page.get_by_test_id("say")).to_have_value("")


def test_a_person_replies_to_one_message_and_reacts(
    inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks
) -> None:
    sent = send(QUESTION)
    inbox.open(conversation("whatsapp"))
    bubble(inbox.page, sent).hover()

    bubble(inbox.page, sent).get_by_test_id("reply").click()
    inbox.check_accessible("about to reply")
    inbox.page.keyboard.type("Yes")
    inbox.page.keyboard.press("Enter")
    reply = vonage_webhooks.wait_for_reply(sent).result()
    bubble(inbox.page, sent).hover()
    bubble(inbox.page, sent).get_by_test_id("react").click()
    inbox.check_accessible("about to react")
    inbox.page.get_by_role("button", name="thumbs up").click()
    reaction = vonage_webhooks.wait_for_inbound(answers(Reaction)).result()

    assert reply.context is not None
    assert reply.context.message_uuid == sent.message_uuid
    expect(bubble(inbox.page, reply.message_uuid)).to_contain_text("Shall we ring?")
    assert isinstance(reaction.content, Reaction)
    assert reaction.content.emoji == "\N{THUMBS UP SIGN}"
    expect(bubble(inbox.page, sent).get_by_test_id("reactions")).to_contain_text("\N{THUMBS UP SIGN}")


def test_a_person_sends_a_picture_a_place_and_a_contact(
    inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks
) -> None:
    send(QUESTION)
    inbox.open(conversation("whatsapp"))

    inbox.page.get_by_test_id("attach").click()
    inbox.check_accessible("choosing what to send")
    with inbox.page.expect_file_chooser() as chooser:
        inbox.page.get_by_test_id("attach-image").click()
    chooser.value.set_files({"name": "door.png", "mimeType": "image/png", "buffer": PIXEL})
    picture = vonage_webhooks.wait_for_inbound(answers(Image)).result()
    image = bubble(inbox.page, picture.message_uuid).locator("img")
    expect(image).to_be_visible()
    inbox.page.wait_for_function("(image) => image.naturalWidth === 1", arg=image.element_handle())

    inbox.page.get_by_test_id("attach").click()
    inbox.page.get_by_test_id("attach-location").click()
    inbox.check_accessible("giving a place")
    inbox.page.locator("dialog#location").get_by_label("Name").fill("At the door")
    inbox.page.locator("dialog#location").get_by_role("button", name="Send").click()
    place = vonage_webhooks.wait_for_inbound(answers(Location)).result()
    expect(bubble(inbox.page, place.message_uuid)).to_contain_text("At the door")

    inbox.page.get_by_test_id("attach").click()
    inbox.page.get_by_test_id("attach-contact").click()
    inbox.check_accessible("giving a contact")
    inbox.page.locator("dialog#contact").get_by_role("button", name="Send").click()
    contact = vonage_webhooks.wait_for_inbound(answers(Contacts)).result()
    expect(bubble(inbox.page, contact.message_uuid)).to_contain_text("Bob Smith")


def test_somebody_writes_first(inbox: Watched, vonage_webhooks: RunningWebhooks) -> None:
    inbox.open("/")
    inbox.check_accessible("nothing has happened yet")

    inbox.page.get_by_test_id("write-first").click()
    inbox.check_accessible("writing first")
    inbox.page.get_by_test_id("write-first-send").click()

    event = vonage_webhooks.wait_for_inbound().result()
    expect(bubble(inbox.page, event.message_uuid)).to_contain_text("Hello")


def test_search_and_filters_find_one_message_among_many(
    inbox: Watched, send: Send, vonage_simulator: RunningSimulator
) -> None:
    vonage_simulator.fail(1022, to="447700900009")
    wanted = send(WhatsappText(to="447700900009", from_=COMPANY, text="A needle in the hay"))
    for number in range(30):
        send(Sms(to=f"4477009001{number:02}", from_="Acme", text=f"Hay {number}"))
    vonage_simulator.settle().result()
    inbox.open("/")
    rows = inbox.page.get_by_test_id("conversation")
    expect(rows).to_have_count(31)

    inbox.page.get_by_test_id("search").fill("needle")
    expect(rows).to_have_count(1)
    inbox.check_accessible("one message found")
    rows.click()
    expect(bubble(inbox.page, wanted)).to_be_visible()
    inbox.page.get_by_test_id("search").fill("nowhere")
    expect(inbox.page.get_by_test_id("nothing-found")).to_be_visible()
    inbox.check_accessible("nothing found")

    inbox.open("/")
    inbox.page.get_by_test_id("filter-status").select_option("rejected")
    expect(rows).to_have_count(1)
    inbox.page.get_by_test_id("filter-status").select_option("")
    inbox.page.get_by_role("link", name=re.compile("^WhatsApp")).first.click()
    expect(rows).to_have_count(1)
    inbox.page.get_by_test_id("filter-direction").select_option("inbound")
    expect(inbox.page.get_by_test_id("nothing-found")).to_be_visible()


def test_the_inspector_tells_everything_about_a_message(
    inbox: Watched, send: Send, vonage_simulator: RunningSimulator, vonage_webhooks: RunningWebhooks
) -> None:
    sent = send(QUESTION)
    vonage_webhooks.wait_for(sent, "read").result()
    vonage_simulator.settle().result()
    inbox.open(conversation("whatsapp"))

    bubble(inbox.page, sent).get_by_test_id("inspect").click()

    inspection = inbox.page.get_by_test_id("inspection")
    expect(inspection.get_by_test_id("request")).to_contain_text("Shall we ring?")
    expect(inspection).to_contain_text("Bearer ***")
    expect(inspection.get_by_test_id("try")).to_have_count(3)
    closed = inspection.locator("details:not([open]) > summary")
    for _ in range(closed.count()):
        closed.first.click()
    expect(closed).to_have_count(0)
    expect(inspection.get_by_test_id("signature").first).to_contain_text("payload_hash matches the body")
    inbox.check_accessible("the inspector, all of it")
    assert "curl" in inbox.page.locator("#as-curl").inner_text()
    assert "WhatsappText(" in inbox.page.locator("#as-python").inner_text()
    inbox.page.keyboard.press("Escape")
    expect(inspection).to_have_count(0)


def test_what_is_written_from_right_to_left_begins_at_the_right(inbox: Watched, send: Send) -> None:
    sent = send(WhatsappText(to=PERSON, from_=COMPANY, text="مرحبا Acme 123.\nHello"))
    inbox.open(conversation("whatsapp"))
    edges = """(element) => {
        const range = document.createRange();
        const box = element.getBoundingClientRect();
        return [0, 16].map((place) => {
            range.setStart(element.firstChild, place);
            range.setEnd(element.firstChild, place + 1);
            return (range.getBoundingClientRect().left - box.left) / box.width > 0.5;
        });
    }"""

    # The first letter of each line: at the right where it is Arabic, at the left where it is Latin.
    assert bubble(inbox.page, sent).locator(".words").evaluate(edges) == [True, False]
    assert inbox.page.locator(".preview").first.evaluate("(each) => getComputedStyle(each).direction") == "rtl"


def test_clearing_asks_first_and_leaves_nothing(inbox: Watched, send: Send, vonage_simulator: RunningSimulator) -> None:
    send(QUESTION)
    inbox.open("/")
    inbox.page.get_by_test_id("clear").click()
    inbox.check_accessible("asked whether to clear")
    inbox.page.get_by_role("button", name="Cancel").click()
    expect(inbox.page.get_by_test_id("conversation")).to_have_count(1)

    inbox.page.get_by_test_id("clear").click()
    inbox.page.get_by_test_id("clear-sure").click()

    expect(inbox.page.get_by_test_id("empty")).to_be_visible()
    assert vonage_simulator.messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_is_accessible_in_every_size_and_light(
    watch: Open, send: Send, vonage_simulator: RunningSimulator, scheme: str, size: tuple[int, int]
) -> None:
    window = watch(vonage_simulator.url, size, color_scheme=scheme)
    window.open("/")
    window.check_accessible(f"empty, {scheme}")
    vonage_simulator.fail(1022, channel="sms")
    sent = [send(message) for message in (QUESTION, BUTTONS, Sms(to=PERSON, from_="Acme", text="Hello"))]
    with pytest.raises(ValidationError):
        send(RawMessage({"channel": "sms", "message_type": "text", "to": "0", "from": "Acme", "text": "Hello"}))
    vonage_simulator.settle().result()
    pages = ("/", "/inbox/settings", "/inbox/refusals", conversation("whatsapp"), conversation("rcs"))
    for path in (*pages, f"/?m={sent[2].message_uuid}"):
        window.open(path)
        window.check_accessible(f"{path}, {scheme}")
        width = window.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{path} is wider than the window"


def test_the_theme_is_switched_and_kept(inbox: Watched, send: Send) -> None:
    send(QUESTION)
    inbox.open("/")
    colour = "getComputedStyle(document.body).backgroundColor"
    before = inbox.page.evaluate(colour)

    inbox.page.keyboard.press("t")

    expect(inbox.page.locator("html")).to_have_attribute("data-theme", "dark")
    inbox.page.wait_for_function(f"{colour} !== '{before}'")
    inbox.page.reload()
    expect(inbox.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_everything_is_done_by_keyboard_alone(inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks) -> None:
    send(Sms(to="447700900009", from_="Acme", text="Another one"))
    sent = send(BUTTONS)
    inbox.open("/")
    keys = inbox.page.keyboard

    keys.press("Tab")
    expect(inbox.page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    keys.press("?")
    expect(inbox.page.get_by_role("dialog")).to_be_visible()
    inbox.check_accessible("the list of keys")
    keys.press("Escape")
    expect(inbox.page.get_by_role("dialog")).to_have_count(0)
    keys.press("/")
    expect(inbox.page.get_by_test_id("search")).to_be_focused()
    keys.press("Escape")
    keys.press("j")
    expect(bubble(inbox.page, sent)).to_be_visible()
    keys.press("c")
    expect(inbox.page.get_by_test_id("say")).to_be_focused()
    keys.type("By keyboard")
    keys.press("Enter")
    written = vonage_webhooks.wait_for_inbound(answers(Text)).result()
    keys.press("Escape")
    expect(bubble(inbox.page, written.message_uuid)).to_be_visible()
    keys.press("n")
    keys.press("i")
    expect(inbox.page.get_by_test_id("inspection")).to_be_visible()
    keys.press("Escape")
    expect(inbox.page.get_by_test_id("inspection")).to_have_count(0)


def test_on_a_phone_one_thing_is_shown_at_a_time(watch: Open, send: Send, vonage_simulator: RunningSimulator) -> None:
    window = watch(vonage_simulator.url, NARROW)
    sent = send(QUESTION)
    window.open("/")

    window.page.get_by_test_id("conversation").click()
    expect(bubble(window.page, sent)).to_be_visible()
    expect(window.page.get_by_test_id("conversation")).not_to_be_visible()
    window.page.get_by_role("link", name="Back to the list").click()
    expect(window.page.get_by_test_id("conversation")).to_be_visible()


def test_on_a_phone_a_search_says_that_it_found_nothing(
    watch: Open, send: Send, vonage_simulator: RunningSimulator
) -> None:
    window = watch(vonage_simulator.url, NARROW)
    send(QUESTION)
    window.open("/?q=nowhere")

    expect(window.page.get_by_test_id("nothing-found")).to_be_visible()
    expect(window.page.get_by_test_id("empty")).to_have_count(0)


def test_what_somebody_has_begun_stays_with_its_conversation(
    inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks
) -> None:
    send(BUTTONS)
    sent = send(QUESTION)
    inbox.open(conversation("whatsapp"))
    bubble(inbox.page, sent).hover()
    bubble(inbox.page, sent).get_by_test_id("reply").click()
    inbox.page.keyboard.type("Half a word to the")

    inbox.page.locator("#list a.row[data-channel=rcs]").click()
    expect(inbox.page.get_by_test_id("phone")).to_have_attribute("data-channel", "rcs")
    expect(inbox.page.get_by_test_id("say")).to_have_value("")
    inbox.page.get_by_test_id("say").fill("No")
    with inbox.page.expect_request(lambda request: request.url.endswith("/_simulator/inbound")) as asked:
        inbox.page.get_by_test_id("send").click()

    assert "reply_to" not in asked.value.post_data_json
    assert vonage_webhooks.wait_for_inbound().result().channel == "rcs"


def test_escape_closes_what_lies_on_top_and_nothing_below(inbox: Watched, send: Send) -> None:
    send(QUESTION)
    inbox.open(conversation("whatsapp"))
    keys, shown = inbox.page.keyboard, inbox.page.get_by_test_id("phone")

    for opener, opened in (("attach", "#attach:popover-open"), ("clear", "dialog#sure[open]")):
        inbox.page.get_by_test_id(opener).click()
        expect(inbox.page.locator(opened)).to_be_visible()
        keys.press("Escape")
        expect(inbox.page.locator(opened)).to_have_count(0)
        assert inbox.page.url.endswith(conversation("whatsapp"))
        expect(shown).to_be_visible()

    keys.press("Escape")
    expect(shown).to_have_count(0)


def test_a_file_from_elsewhere_is_fetched_only_after_a_click(
    inbox: Watched, send: Send, vonage_webhooks: RunningWebhooks
) -> None:
    # The service stands for another machine: it answers 404, and is asked only when somebody wants it.
    sent = send(WhatsappImage(to=PERSON, from_=COMPANY, image={"url": f"{vonage_webhooks.url}/door.png"}))
    inbox.open(conversation("whatsapp"))
    inbox.check()

    inbox.expected.append("404")
    # Not only asked for: the service has answered, before the end of the test takes it away.
    with inbox.page.expect_console_message(lambda message: "404" in message.text):
        bubble(inbox.page, sent).get_by_test_id("load-media").click()

    assert inbox.strangers == [f"{vonage_webhooks.url}/door.png"]
    inbox.strangers.clear()


def test_a_thousand_conversations_are_turned_page_by_page_while_more_arrive(
    inbox: Watched, send: Send, vonage_simulator: RunningSimulator
) -> None:
    vonage_simulator.call(lambda simulator: [simulator.state.add_message(captured(number)) for number in range(2000)])
    inbox.open("/")
    rows = inbox.page.get_by_test_id("conversation")
    expect(inbox.page.locator("#list .pager")).to_contain_text("1\N{EN DASH}50 of 1000")
    expect(rows).to_have_count(50)

    inbox.page.get_by_test_id("more").click()
    expect(inbox.page.locator("#list .pager")).to_contain_text("51\N{EN DASH}100 of 1000")
    for number in range(40):
        send(Sms(to="447700900099", from_="Acme", text=f"Arrives meanwhile {number}"))
    inbox.page.get_by_role("link", name="Newest").click()

    expect(rows.first).to_contain_text("Arrives meanwhile 39")
    inbox.page.get_by_test_id("search").fill("Number 1234.")
    expect(rows).to_have_count(1)
    inbox.check_accessible("one of two thousand")


def test_a_link_leads_where_it_says_though_a_message_comes_in_meanwhile(inbox: Watched, send: Send) -> None:
    send(QUESTION)
    inbox.open("/?q=nowhere")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    inbox.page.route(f"{inbox.origin}/", hold_the_first)
    inbox.page.get_by_role("link", name="Show everything").click()
    send(Sms(to=PERSON, from_="Acme", text="Meanwhile"))
    expect(inbox.page.get_by_test_id("conversation")).to_have_count(2)
    held[0].continue_()
    inbox.page.unroute_all(behavior="wait")

    expect(inbox.page.get_by_test_id("search")).to_have_value("")


def captured(number: int) -> ReceivedMessage:
    """A message that came at some time, to one of a thousand people."""
    to = f"4477009{number % 1000:05}"
    text = f"Number {number}."
    return ReceivedMessage(
        message_uuid=str(uuid4()),
        version="v1",
        channel="sms",
        message_type="text",
        to=to,
        from_="Acme",
        client_ref=None,
        payload={"channel": "sms", "message_type": "text", "to": to, "from": "Acme", "text": text},
        workflow_id=None,
        request_id=str(uuid4()),
        received_at=datetime(2026, 11, 27, tzinfo=UTC) + timedelta(seconds=number),
    )


def test_a_custom_message_that_nobody_knows_is_shown_as_it_is(inbox: Watched, send: Send) -> None:
    sent = send(RcsCustom(to=PERSON, from_="Acme", custom={"somethingNew": {"of": "tomorrow"}}))
    inbox.open(conversation("rcs"))

    expect(bubble(inbox.page, sent)).to_contain_text("somethingNew")
