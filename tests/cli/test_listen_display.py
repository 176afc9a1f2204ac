"""What ``listen`` prints about each kind of webhook."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from vonage_messages.cli.listen_display import Display, JsonDisplay
from vonage_messages.receiving import Drift
from vonage_messages.webhooks import parse_webhook

SAMPLES = Path(__file__).parents[1] / "samples"


def shown(payload: Any, *, mask: bool = True, width: int = 80, **console: Any) -> str:
    """Show a callback, without the time in front."""
    file = io.StringIO()
    display = Display(
        mask=mask, console=Console(file=file, width=width, highlight=False, markup=False, emoji=False, **console)
    )
    event = parse_webhook(payload)
    display.show_event(event, Drift().observe(event), None)
    return file.getvalue()[len("00:00:00  ") :] if not console else file.getvalue()


def sample(name: str, **changes: Any) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8")) | changes


def inbound(message_type: str, **members: Any) -> dict[str, Any]:
    payload = sample("v1/webhooks/inbound-whatsapp-text", message_type=message_type, **members)
    return {key: value for key, value in payload.items() if key != "text" or key in members}


@pytest.mark.each(
    ("payload", "words"),
    [
        (inbound("text", text="one\ntwo"), "one\n          two"),
        (inbound("location", location={"lat": 1.5, "long": 2, "name": "Home"}), "1.5, 2.0  Home"),
        (inbound("reply", reply={"id": "a-1", "title": "Yes"}), "Yes  (id a-1)"),
        (inbound("button", button={"payload": "stop", "text": "Stop it"}), "Stop it  (payload stop)"),
        (inbound("order", order={"catalog_id": "c-1", "product_items": [{}, {}]}), "0 items  of catalogue c-1"),
        (inbound("reaction", reaction={"action": "react", "emoji": "👍"}), "react  👍"),
        (inbound("contacts", contacts=[{"birthday": "2000-01-01"}]), "1 contact"),
        (inbound("unsupported"), "(the platform could not pass it on)"),
        (inbound("hologram"), "(no content that this version can read: hologram)"),
        (
            inbound("image", image={"url": "https://example.com/a.jpg", "caption": "us"}),
            "https://example.com/a.jpg  us",
        ),
    ],
)
def test_content_of_each_type_is_told(payload: dict[str, Any], words: str) -> None:
    assert words in shown(payload)


def test_no_line_is_wider_than_the_terminal_and_none_ends_with_a_blank() -> None:
    for width in (80, 40):
        lines = shown(inbound("text", text="Is the ferry late? " * 20), width=width).splitlines()
        assert max(map(len, lines[1:])) <= width
        assert [line for line in lines if line != line.rstrip()] == []


def test_a_long_text_is_cut_and_says_so() -> None:
    text = shown(inbound("text", text="x" * 100_000))
    assert len(text) < 3_000
    assert "[…]" in text


def test_numbers_are_masked_unless_they_are_wanted() -> None:
    payload = sample("v1/webhooks/status-sms-delivered", to="447700900123", **{"from": "447700900001"})
    assert shown(payload).startswith("delivered  sms  44********01 -> 44********23\n")
    assert shown(payload, mask=False).startswith("delivered  sms  447700900001 -> 447700900123\n")


def test_what_a_stranger_writes_moves_no_cursor() -> None:
    evil = "\x1b[2J\x9b1m\r\u202e"
    payload = dict.fromkeys(("channel", "message_uuid", "to", "from", "client_ref", "status"), evil)
    for text in (shown(payload), shown({**payload, "message_type": evil, evil: evil, "profile": {"name": evil}})):
        assert all(each.isprintable() for each in text.replace("\n", ""))


@pytest.mark.each(
    ("error", "words"),
    [
        ({"title": "1120", "detail": "Illegal Sender Address"}, "The platform says: Illegal Sender Address"),
        ({"title": "1120"}, "1120: the sender address is refused by local rules. To do: use a"),
        ({"title": "9999", "detail": "A new fault"}, "9999: A new fault"),
        ({"title": "odd", "detail": "A new fault"}, "no code: A new fault"),
    ],
)
def test_why_a_message_did_not_arrive_is_told(error: dict[str, str], words: str) -> None:
    assert words in shown(sample("v1/webhooks/status-sms-rejected", error=error))


def test_place_in_a_workflow_and_answered_message_are_told() -> None:
    workflow = {"workflow_id": "w", "items_number": "1", "items_total": "2"}
    assert "item 1 of 2" in shown(sample("v1/webhooks/status-sms-rejected", workflow=workflow))
    assert "answers bbbb" in shown(inbound("text", text="Yes", profile=None, context={"message_uuid": "bbbb"}))


def test_colours_are_for_terminals_and_no_color_turns_them_off(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = sample("v1/webhooks/status-sms-delivered")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32mdelivered" in shown(payload, force_terminal=True, color_system="standard")
    assert "\x1b[" not in shown(payload)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown(payload, force_terminal=True)


@pytest.mark.each("path", sorted(SAMPLES.glob("v*/webhooks/*.json")), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_sample_can_be_shown_in_both_ways(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    assert event.message_uuid in shown(path.read_bytes())
    file = io.StringIO()
    JsonDisplay(mask=False, lines=Console(file=file)).show_event(event, (), Path("sample.json"))
    document = json.loads(file.getvalue())
    assert (document["payload"], document["sample"]) == (event.raw, "sample.json")


def test_json_masks_numbers_wherever_they_stand() -> None:
    payload = inbound(
        "text",
        text="call 447700900123",
        context={"message_from": "447700900123"},
        whatsapp={"sender": {"user_id": "GB.123456789", "wa_id": "447700900123"}},
        loft={"447700900123": 447700900123, "floors": 3, "open": True, "who": ["447700900123"]},
    )
    file = io.StringIO()
    JsonDisplay(lines=Console(file=file)).show_event(parse_webhook(payload), (), None)
    document = json.loads(file.getvalue())["payload"]
    hidden = "44********23"
    assert document["context"] == {"message_from": hidden}
    assert document["whatsapp"]["sender"] == {"user_id": "GB********89", "wa_id": hidden}
    assert document["loft"] == {hidden: hidden, "floors": 3, "open": True, "who": [hidden]}
    assert document["text"] == "call 447700900123"
