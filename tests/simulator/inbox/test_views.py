"""The pages over HTTP: what stands on them, and that nothing a message contains can run."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vonage_messages.simulator import Simulator, Webhooks
from vonage_messages.simulator.inbox.conversations import Conversations
from vonage_messages.simulator.inbox.pages import Pages
from vonage_messages.simulator.inbox.shown import Filter
from vonage_messages.simulator.relay import Relay, ReleaseAnswer

SAMPLES = Path(__file__).parents[2] / "samples"
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}</pre></textarea></title>&lt;"
SCRIPTS = {"/inbox/static/theme.js", "/inbox/static/page.js", "/inbox/static/settings.js", "/inbox/static/refusals.js"}


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def assert_harmless(page: str) -> None:
    """Nothing in the page runs, and nothing in it leads elsewhere but links of the web."""
    for tag, attributes in read(page).tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
        if tag == "script":
            assert attributes["src"] in SCRIPTS
        if tag in {"img", "video", "audio", "iframe", "link"}:
            source = attributes.get("src", attributes.get("href", ""))
            assert source.startswith(("/inbox/static/", "/inbox/file/", "/inbox/frame/")), (tag, attributes)
        if tag == "iframe":
            assert attributes["sandbox"] == ""
        if tag == "a" and not attributes["href"].startswith(("/", "#")):
            assert re.match(r"https?://", attributes["href"]), attributes
            assert attributes["target"] == "_blank"
            assert attributes["rel"] == "noopener noreferrer"
        assert tag not in {"object", "embed", "base", "applet", "frame"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def send(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[[Simulator], dict[str, str]]
) -> Callable[..., Any]:
    async def sent(payload: dict[str, Any], version: str = "v1") -> str:
        url = f"{simulator.url}/{version}/messages"
        async with session.post(url, json=payload, headers=basic(simulator)) as answer:
            document = await answer.json()
            assert answer.status == 202, document
            return str(document["message_uuid"])

    return sent


@pytest.fixture
async def get(simulator: Simulator, session: aiohttp.ClientSession) -> Callable[..., Any]:
    async def got(path: str, status: int = 200, **headers: str) -> str:
        async with session.get(simulator.url + path, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    return got


def sms(**changed: Any) -> dict[str, Any]:
    return {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello", **changed}


def sample(name: str, version: str = "v1") -> dict[str, Any]:
    path = SAMPLES / version / "requests" / f"{name}.json"
    payload: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    payload.pop("webhook_url", None)
    return payload


async def test_every_message_is_shown_and_nothing_of_it_runs(send: Any, get: Any, simulator: Simulator) -> None:
    for version in ("v1", "v0.1"):
        for path in sorted((SAMPLES / version / "requests").glob("*.json")):
            await send(sample(path.stem, version), version)
    keys = {f"{'viber_service' if m.channel == 'viber_service_msg' else m.channel}:{m.to}" for m in simulator.messages}
    shown = ""
    for key in sorted(keys):
        page = await get(f"/?c={key}")
        assert_harmless(page)
        shown += page

    assert "Crossings" in shown
    assert "{{1}}" in html.unescape(shown)


EVIL_MESSAGES: list[dict[str, Any]] = [
    sms(text=EVIL, client_ref=EVIL[:40]),
    sms(text='javascript:alert(1) https://example.com/"onmouseover="alert(1)'),
    {
        "channel": "whatsapp", "message_type": "custom", "to": "447700900000", "from": "447700900001",
        "custom": {"type": "interactive", "interactive": {
            "type": "button", "header": {"type": "image", "image": {"link": "javascript:alert(1)"}},
            "body": {"text": EVIL}, "action": {"buttons": [{"type": "reply", "reply": {"id": EVIL, "title": EVIL}}]}}},
    },
    {
        "channel": "whatsapp", "message_type": "custom", "to": "447700900000", "from": "447700900001",
        "custom": {"type": "interactive", "interactive": {
            "type": "cta_url", "body": {"text": "x"},
            "action": {"name": "cta_url", "parameters": {"display_text": EVIL, "url": "javascript:alert(1)"}}}},
    },
    {
        "channel": "whatsapp", "message_type": "template", "to": "447700900000", "from": "447700900001",
        "template": {"name": EVIL, "parameters": [EVIL]}, "whatsapp": {"policy": "deterministic", "locale": "en_GB"},
    },
    {"channel": "messenger", "message_type": "custom", "to": "1", "from": EVIL[:50], "custom": {EVIL: EVIL}},
    {
        "channel": "email", "message_type": "html", "to": "a@example.com", "from": "b@example.com",
        "email": {"subject": EVIL}, "html": {"body": EVIL},
    },
    {
        "channel": "rcs", "message_type": "custom", "to": "447700900000", "from": "Acme",
        "custom": {"contentMessage": {"richCard": {"standaloneCard": {"cardContent": {
            "title": EVIL, "description": EVIL, "media": {"contentInfo": {"fileUrl": "data:text/html,x"}}}}}}},
    },
]  # fmt: skip


@pytest.mark.parametrize(
    "payload", EVIL_MESSAGES, ids=lambda payload: f"{payload['channel']}-{payload['message_type']}"
)
async def test_nothing_that_a_message_contains_runs(send: Any, get: Any, payload: dict[str, Any]) -> None:
    message_uuid = await send(payload)

    page = await get(f"/?m={message_uuid}")

    assert_harmless(page)
    assert "<script>alert" not in page
    assert "49" not in "".join(re.findall(r"\{\{7\*7\}\}|49\$", html.unescape(page)))
    assert_harmless(
        await get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&channel=%22%3E&status=%3Cb%3E&c=%3Cb%3E&m=%3Cb%3E")
    )


async def test_the_policy_forbids_what_a_page_does_not_need(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as session, session.get(simulator.url) as answer:
        policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["frame-src"] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_a_file_from_elsewhere_is_shown_in_a_frame_that_may_fetch_from_there_alone(
    send: Any, simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    message_uuid = await send(sample("whatsapp-image-full"))

    async with session.get(f"{simulator.url}/inbox/frame/{message_uuid}/media/0") as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    async with session.get(f"{simulator.url}/inbox/frame/{message_uuid}/media/1") as missing:
        assert missing.status == 404

    assert "img-src https://media.example.org;" in policy
    assert "script" not in policy
    assert policy.endswith("sandbox")
    assert '<img src="https://media.example.org/' in page


async def test_a_film_is_shown_with_its_poster(send: Any, get: Any) -> None:
    message_uuid = await send(sample("viber_service-video-full"))

    page = await get(f"/inbox/frame/{message_uuid}/media/0")

    assert 'poster="https://media.example.com/viber/tour.jpg"' in page
    assert "<script" not in page


async def test_a_page_of_an_email_runs_nothing(send: Any, simulator: Simulator, session: aiohttp.ClientSession) -> None:
    body = "<h1>Hi</h1><script>alert(1)</script><img src='https://example.com/spy.png'>"
    message_uuid = await send({**EVIL_MESSAGES[6], "html": {"body": body}})

    async with session.get(f"{simulator.url}/inbox/frame/{message_uuid}/page/0") as answer:
        assert await answer.text() == body
        policy = answer.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert "sandbox" in policy.split("; ")


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [("image/png", True), ("text/html", False), ("image/svg+xml", False), ("application/xhtml+xml", False)],
)
async def test_a_file_of_a_person_is_shown_only_where_nothing_in_it_can_run(
    simulator: Simulator, session: aiohttp.ClientSession, content_type: str, *, shown: bool
) -> None:
    known, _ = await simulator.written(
        channel="whatsapp", message_type="image", media=b"<script>1</script>", media_type=content_type
    )

    async with session.get(f"{simulator.url}/inbox/file/{known.message_uuid}") as answer:
        assert await answer.read() == b"<script>1</script>"
        assert answer.content_type == (content_type if shown else "application/octet-stream")
        assert ("Content-Disposition" in answer.headers) != shown
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1", ""])
@pytest.mark.parametrize("path", ["/", "/inbox/settings", "/inbox/static/page.js"])
async def test_a_page_of_somebody_else_reads_nothing(get: Any, host: str, path: str) -> None:
    await get(path, 403, Host=host)


async def test_the_words_of_a_template_are_kept_and_shown(
    send: Any, get: Any, simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    message_uuid = await send(sample("whatsapp-template-full"))
    url = f"{simulator.url}/inbox/templates"
    words = {"name": "crossing_confirmed", "text": "Dear {{1}}, <b>{{2}}</b> at {{3}}."}
    async with session.post(url, json=words) as answer:
        assert answer.status == 200

    assert "Dear Inês, <b>Fécamp</b> at 09:15." in "".join(read(await get(f"/?m={message_uuid}")).text)

    for body, headers in (({"name": ""}, {}), (words, {"Origin": "https://evil.example"})):
        async with session.post(url, json=body, headers=headers) as answer:
            assert answer.status in {400, 403}
    async with session.post(url, data=json.dumps(words), headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415


@pytest.mark.needs("curl")
async def test_an_empty_inbox_says_what_to_do_and_that_works(get: Any, simulator: Simulator) -> None:
    page = await get("/")
    lines, curl = (html.unescape(each) for each in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[:2])

    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f"{lines}\n{curl} --silent --noproxy '*'", env=os.environ, stdout=subprocess.PIPE
    )
    answer, _ = await process.communicate()

    assert json.loads(answer) == {"message_uuid": simulator.messages[0].message_uuid}
    assert 'data-testid="empty"' not in await get("/")
    assert 'data-testid="composer"' in await get(f"/?m={simulator.messages[0].message_uuid}")


async def test_a_first_request_that_is_refused_leads_to_the_reasons(
    simulator: Simulator, session: aiohttp.ClientSession, get: Any
) -> None:
    async with session.post(f"{simulator.url}/v1/messages", json={}) as answer:
        assert answer.status == 401
    page = await get("/")
    assert 'data-testid="empty"' in page
    assert [each["href"] for tag, each in read(page).tags if tag == "a"].count("/inbox/refusals") == 2


async def test_a_page_behind_the_last_one_does_not_say_that_there_is_nothing(send: Any, get: Any) -> None:
    await send(sms())
    page = await get("/?start=50")
    assert 'data-testid="nothing-found"' in page
    assert "No messages yet" not in page


async def test_where_no_answer_can_go_none_can_be_written(send: Any, get: Any) -> None:
    await send(sms(**{"from": "Acme"}))
    page = await get("/?c=sms:447700900000")
    assert 'data-testid="composer"' not in page
    assert 'data-act="reply"' not in page
    assert "no answer can go to Acme" in " ".join("".join(read(page).text).split())

    await send(sms(**{"from": "447700900001"}))
    assert 'data-testid="composer"' in await get("/?c=sms:447700900000")


async def test_the_list_is_searched_and_filtered(send: Any, get: Any, simulator: Simulator) -> None:
    await send(sms(text="The blue ferry"))
    await send(sms(text="The red ferry", to="447700900009", client_ref="order-77"))
    await simulator.written(channel="whatsapp", from_="447700900008", text="Which FERRY?")
    await simulator.settle()

    async def found(query: str) -> list[str]:
        page = await get(f"/?{query}")
        return re.findall(r'<span class="preview" dir="auto">(.*?)</span>', page)

    assert await found("") == ["Which FERRY?", "The red ferry", "The blue ferry"]
    assert await found("q=ferry") == ["Which FERRY?", "The red ferry", "The blue ferry"]
    assert await found("q=order-77") == ["The red ferry"]
    assert await found("q=447700900000") == ["The blue ferry"]
    assert await found("q=ferry&direction=inbound") == ["Which FERRY?"]
    assert await found("status=delivered") == ["The red ferry", "The blue ferry"]
    assert await found("status=read") == []
    assert await found("channel=whatsapp") == ["Which FERRY?"]
    assert 'data-testid="nothing-found"' in await get("/?q=nobody")


async def test_a_long_list_and_a_long_conversation_come_in_pages(send: Any, get: Any) -> None:
    for number in range(60):
        await send(sms(text=f"Number {number}", to=f"4477009000{number:02}"))
        await send(sms(text=f"One of many {number}"))

    page = await get("/?c=sms:447700900000")
    assert page.count('data-testid="conversation"') == 50
    assert page.count('data-testid="message"') == 50
    older = html.unescape(re.search(r'href="([^"]*)" data-testid="older"', page)[1])  # type: ignore[index]
    more = html.unescape(re.search(r'href="([^"]*)" data-testid="more"', page)[1])  # type: ignore[index]

    earlier = await get(older)
    assert earlier.count('data-testid="message"') == 11
    assert "One of many 9" in earlier
    assert (await get(more)).count('data-testid="conversation"') == 10
    assert (await get("/?q=many&start=50")).count('data-testid="conversation"') == 10


async def test_the_inspector_takes_a_message_apart(send: Any, get: Any, simulator: Simulator) -> None:
    heard: list[web.Request] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(request)
        return web.Response()

    application = web.Application()
    application.router.add_post("/status", hear)
    async with TestServer(application) as server:
        simulator.webhooks = Webhooks(status_url=str(server.make_url("/status")))
        message_uuid = await send(sms(client_ref="order-77"))
        await simulator.settle()
        text = "".join(read(await get(f"/?m={message_uuid}")).text)

    assert len(heard) == 2
    assert "Basic ***" in text
    assert simulator.api_secret not in text
    assert text.count("signed with our secret") == 2
    assert text.count("payload_hash matches the body") == 2
    assert '"payload_hash"' in text
    assert "HTTP 200" in text
    assert 'curl -X POST "$VONAGE_BASE_URL/v1/messages"' in text
    assert 'Sms(to="447700900000"' in text or "Sms(" in text
    for status in ("accepted", "submitted", "delivered"):
        assert status in text
    assert base64.b64encode(f"{simulator.api_key}:{simulator.api_secret}".encode()).decode() not in text


async def test_a_reaction_stands_at_what_it_is_about(send: Any, get: Any, simulator: Simulator) -> None:
    message_uuid = await send(sample("whatsapp-text-minimal"))
    await simulator.written(
        reply_to=message_uuid, message_type="reaction", reaction={"action": "react", "emoji": "\N{THUMBS UP SIGN}"}
    )

    page = await get(f"/?m={message_uuid}")

    bubble = page[page.index(f'id="m-{message_uuid}"') :]
    assert "\N{THUMBS UP SIGN}" in bubble[: bubble.index("</article>")]
    assert 'data-testid="event"' in page


async def test_a_chain_shows_what_became_of_each_step(send: Any, get: Any, simulator: Simulator) -> None:
    simulator.fail(1300, channel="whatsapp")
    message_uuid = await send(sample("failover-whatsapp-rcs-viber-sms"))
    await simulator.settle()

    text = " ".join(" ".join(read(await get(f"/?m={message_uuid}")).text).split())

    assert "WhatsApp rejected RCS read Viber not sent SMS not sent" in text
    assert "1300:" in text


async def test_who_looks_has_seen(send: Any, get: Any) -> None:
    await send(sms())
    assert 'data-testid="unseen"' in await get("/")
    await get("/?c=sms:447700900000")
    assert 'data-testid="unseen"' not in await get("/")


async def test_half_a_character_does_not_break_a_page(simulator: Simulator, get: Any) -> None:
    known, _ = await simulator.written(channel="whatsapp", text="half \ud83d a character")

    assert "half" in await get(f"/?m={known.message_uuid}")


async def test_every_page_names_a_language_and_its_parts(send: Any, get: Any) -> None:
    message_uuid = await send(sample("rcs-carousel-full"))
    for path in (f"/?m={message_uuid}", "/", "/inbox/settings", "/inbox/refusals"):
        reader = read(await get(path))
        tags = [tag for tag, _ in reader.tags]
        identifiers = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
        assert ("html", {"lang": "en"}) in reader.tags
        assert tags.count("main") == 1
        assert tags.count("h1") == 1
        assert len(identifiers) == len(set(identifiers))
        for tag, attributes in reader.tags:
            assert tag != "img" or "alt" in attributes


async def test_the_simulated_api_hears_nothing_of_the_inbox(get: Any, simulator: Simulator) -> None:
    await get("/")
    await get("/inbox/nothing", 404)

    assert simulator.refusals == []
    assert len(simulator.arrivals) == 0


async def test_without_the_extra_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp_jinja2", None)
    async with Simulator() as running, session.get(running.url) as answer:
        assert answer.status == 200
        assert "pip install 'vonage-messages-async[simulator]'" in await answer.text()
        async with session.get(f"{running.url}/_simulator/settings") as control:
            assert control.status == 200


async def test_a_message_can_be_sent_for_real_where_there_is_a_relay(
    session: aiohttp.ClientSession, basic: Callable[[Simulator], dict[str, str]], send: Any, get: Any
) -> None:
    async def accept(_version: str, _payload: Any) -> ReleaseAnswer:
        return ReleaseAnswer(accepted=True, status=202, message_uuid="real-1", said="It was accepted.", maybe_sent=True)

    relay = Relay(send=accept, recipients=["447700900000"], destination="somewhere")
    async with Simulator(relay=relay) as simulator:
        async with session.post(f"{simulator.url}/v1/messages", json=sms(), headers=basic(simulator)) as answer:
            message_uuid = (await answer.json())["message_uuid"]
        desk = simulator.releases
        assert desk is not None
        async with session.get(f"{simulator.url}/?m={message_uuid}") as answer:
            assert 'data-testid="release"' in await answer.text()
        await desk.release(message_uuid, desk.quote(message_uuid).token)
        async with session.get(f"{simulator.url}/?m={message_uuid}") as answer:
            assert "It was accepted." in await answer.text()

    assert 'data-testid="release"' not in await get(f"/?m={await send(sms())}")


async def test_the_inbox_is_there_again_after_a_second_start(session: aiohttp.ClientSession) -> None:
    simulator = Simulator()
    for _ in range(2):
        async with simulator, session.get(f"{simulator.url}/inbox/settings") as answer:
            assert answer.status == 200


async def test_what_was_kept_in_a_file_is_in_the_inbox_again(
    session: aiohttp.ClientSession, basic: Callable[[Simulator], dict[str, str]], tmp_path: Path
) -> None:
    async with Simulator(keep=tmp_path / "kept.db") as simulator:
        async with session.post(f"{simulator.url}/v1/messages", json=sms(), headers=basic(simulator)) as answer:
            assert answer.status == 202
        await simulator.written(channel="sms", text="And back")

    kept = Simulator(keep=tmp_path / "kept.db")
    async with kept, session.get(f"{kept.url}/?c=sms:447700900000") as answer:
        page = await answer.text()

    assert page.count('data-testid="message"') == 2
    assert "And back" in page


async def test_a_refused_request_is_shown_with_its_reasons(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[[Simulator], dict[str, str]], get: Any
) -> None:
    assert 'data-testid="no-refusals"' in await get("/inbox/refusals")
    assert 'data-testid="refused"' not in await get("/")
    for body in (json.dumps(sms(to="nobody", text=EVIL)), "<script>alert(1)</script>"):
        headers = {**basic(simulator), "Content-Type": "application/json"}
        async with session.post(f"{simulator.url}/v1/messages", data=body, headers=headers) as answer:
            assert answer.status == 422

    page = await get("/inbox/refusals")

    assert_harmless(page)
    assert page.count('data-testid="refusal"') == 2
    text = "".join(read(page).text)
    assert '"nobody"' in text
    assert "<script>alert(1)</script>" in text
    assert "2 requests refused" in " ".join("".join(read(await get("/")).text).split())


async def test_refused_requests_come_in_pages(simulator: Simulator, session: aiohttp.ClientSession, get: Any) -> None:
    for _ in range(60):
        async with session.post(f"{simulator.url}/v1/messages") as answer:
            assert answer.status == 401

    assert (await get("/inbox/refusals")).count('data-testid="refusal"') == 50
    assert (await get("/inbox/refusals?start=50")).count('data-testid="refusal"') == 10
    assert (await get("/inbox/refusals?start=99999999999999999999")).count('data-testid="refusal"') == 50


async def test_a_search_lets_others_go_on(simulator: Simulator, send: Any) -> None:
    for number in range(3):
        await send(sms(text=f"Number {number}"))
    paused = 0

    async def pause() -> None:
        nonlocal paused
        paused += 1

    index = Conversations(simulator.state)
    pages = Pages(
        state=simulator.state,
        index=index,
        tries_of=simulator.callbacks_of,
        signature_secret=lambda: "",
        templates={},
        releases=None,
        chunk=2,
    )
    page = await pages.search(Filter(words="number"), 0, pause)

    assert [row.preview for row in page.rows] == ["Number 2", "Number 1", "Number 0"]
    assert paused == 1
