"""
The snippets run as users copy them, and what they send arrives at the simulator.

All of them in one process, one after another: each is a whole program, but to start Python for each would take longer
than all the rest of what is tested here.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import attrs
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vonage_messages import ApplicationAuth
from vonage_messages.simulator import Simulator, Webhooks
from vonage_messages.simulator.application_book import Application
from vonage_messages.simulator.state import ReceivedMessage
from vonage_messages.values import JSONObject
from vonage_messages.webhooks import parse_status

SNIPPETS = Path(__file__).parent.parent / "examples" / "snippets"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ACCEPTED = rf"Accepted: {UUID}\n"
SETTINGS = {
    "FROM_NUMBER": "Acme",
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "MESSENGER_RECIPIENT_ID": "7064120230221346",
    "MESSENGER_SENDER_ID": "107083064136738",
    "MMS_SENDER_ID": "14155550100",
    "MMS_TO_NUMBER": "14155550101",
    "SMS_SENDER_ID": "Acme",
    "TO_NUMBER": "447700900000",
    "VIBER_SENDER_ID": "22353",
    "VIBER_TEMPLATE_NAME": "verify",
    "WHATSAPP_SENDER_ID": "447700900001",
    "WHATSAPP_TEMPLATE_NAME": "order_shipped",
}
OTHER_APPLICATION = "00000000-1111-2222-3333-444444444444"
RUN_ONE_AFTER_ANOTHER = """
import contextlib, io, json, runpy, sys, traceback
for path in sys.argv[1:]:
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            traceback.print_exc()
    print(json.dumps([path, output.getvalue(), errors.getvalue()]))
"""
WHATSAPP = {"channel": "whatsapp", "to": "447700900000", "from": "447700900001"}
MESSENGER = {"channel": "messenger", "to": "7064120230221346", "from": "107083064136738"}
VIBER = {"channel": "viber_service", "to": "447700900000", "from": "22353"}
MMS = {"channel": "mms", "to": "14155550101", "from": "14155550100"}
V0_1_SMS = {
    "to": {"type": "sms", "number": "447700900000"},
    "from": {"type": "sms", "number": "Acme"},
    "message": {"content": {"type": "text", "text": "This is an SMS sent from the Messages API"}},
}


def template(*components: dict[str, Any]) -> dict[str, Any]:
    language = {"policy": "deterministic", "code": "en_GB"}
    return {
        "type": "template",
        "template": {"name": "order_shipped", "language": language, "components": list(components)},
    }


def values(*texts: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}


def custom(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**WHATSAPP, "message_type": "custom", "custom": value}]


def file_of(channel: dict[str, Any], message_type: str, file: str, **more: str) -> list[dict[str, Any]]:
    url = f"https://example.com/{file}"
    return [{**channel, "message_type": message_type, message_type: {"url": url, **more}}]


LOCATION = {"type": "location", "location": {"longitude": -0.1246, "latitude": 51.5007}}
ARRIVED: dict[str, list[dict[str, Any]]] = {
    "before_you_begin": [],
    "configure_webhooks": [],
    "create_application": [],
    "custom_objects": [
        *custom(LOCATION),
        {
            **MESSENGER,
            "message_type": "custom",
            "custom": {
                "text": "Shall we ring?",
                "quick_replies": [{"content_type": "text", "title": "Yes", "payload": "ring"}],
            },
        },
    ],
    "external_accounts": [],
    "getting_started": [
        V0_1_SMS,
        {
            "channel": "sms",
            "message_type": "text",
            "to": "447700900000",
            "from": "Acme",
            "text": "This is an SMS sent from the Messages API",
        },
    ],
    "messenger_send_audio_message": file_of(MESSENGER, "audio", "bell.mp3"),
    "messenger_send_file_message": file_of(MESSENGER, "file", "terms.pdf"),
    "messenger_send_image_message": file_of(MESSENGER, "image", "parcel.jpg"),
    "messenger_send_message_template": [
        {
            **MESSENGER,
            "message_type": "custom",
            "custom": {
                "attachment": {
                    "type": "template",
                    "payload": {
                        "template_type": "generic",
                        "elements": [
                            {
                                "title": "Desk lamp",
                                "subtitle": "Warm light, 49.90 EUR",
                                "image_url": "https://example.com/lamp.jpg",
                                "buttons": [
                                    {"type": "web_url", "title": "See it", "url": "https://example.com/lamp"},
                                    {"type": "postback", "title": "Reserve it", "payload": "reserve lamp"},
                                ],
                            }
                        ],
                    },
                }
            },
        }
    ],
    "messenger_send_text_message": [{**MESSENGER, "message_type": "text", "text": "Your parcel is at the door."}],
    "messenger_send_video_message": file_of(MESSENGER, "video", "tour.mp4"),
    "migrate_to_v1": [
        {
            **WHATSAPP,
            "message_type": "image",
            "image": {"url": "https://example.com/parcel.jpg", "caption": "Your parcel"},
            "client_ref": "parcel-1",
        }
    ],
    "mms_send_mms": [
        {**MMS, "message_type": "text", "text": "Your parcel is at the door."},
        *file_of(MMS, "image", "parcel.jpg", caption="Your parcel"),
        *file_of(MMS, "vcard", "driver.vcf"),
        *file_of(MMS, "audio", "bell.mp3"),
        *file_of(MMS, "video", "tour.mp4"),
        *file_of(MMS, "file", "terms.pdf"),
        {
            **MMS,
            "message_type": "content",
            "content": [
                {"type": "image", "url": "https://example.com/parcel.jpg", "caption": "Your parcel"},
                {"type": "file", "url": "https://example.com/terms.pdf"},
            ],
        },
    ],
    "sandbox": [{**WHATSAPP, "message_type": "text", "text": "Hello from the Sandbox"}],
    "sms_send_sms": [
        {
            "channel": "sms",
            "message_type": "text",
            "to": "447700900000",
            "from": "Acme",
            "text": "Your parcel is at the door.",
        }
    ],
    "viber_send_image_message": [
        {
            **file_of(VIBER, "image", "parcel.jpg", caption="Your parcel has left.")[0],
            "viber_service": {"action": {"url": "https://example.com/track/AB123", "text": "Track it"}},
        }
    ],
    "viber_send_message_template": [
        {
            "to": {"type": "viber_service_msg", "number": "447700900000"},
            "from": {"type": "viber_service_msg", "id": "22353"},
            "message": {
                "content": {"type": "template", "template": {"name": "verify", "parameters": ["Ada", "12345"]}}
            },
        }
    ],
    "viber_send_text_message": [{**VIBER, "message_type": "text", "text": "Your parcel has left."}],
    "webhook_of_a_message": [
        {
            "channel": "sms",
            "message_type": "text",
            "to": "447700900000",
            "from": "Acme",
            "text": "Your parcel is at the door.",
            "webhook_url": "STATUS_URL",
            "webhook_version": "v1",
            "client_ref": "parcel-1",
        }
    ],
    "whatsapp_send_audio_message": file_of(WHATSAPP, "audio", "bell.mp3"),
    "whatsapp_send_contact": custom(
        {
            "type": "contacts",
            "contacts": [
                {
                    "name": {"formatted_name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"},
                    "phones": [{"phone": "+44 7700 900009", "type": "WORK", "wa_id": "447700900009"}],
                }
            ],
        }
    ),
    "whatsapp_send_file_message": file_of(WHATSAPP, "file", "terms.pdf", caption="Our terms", name="terms.pdf"),
    "whatsapp_send_image_message": file_of(WHATSAPP, "image", "parcel.jpg", caption="Your parcel"),
    "whatsapp_send_interactive_list": custom(
        {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "header": {"type": "text", "text": "Your delivery"},
                "body": {"text": "When shall we come?"},
                "action": {
                    "button": "Choose",
                    "sections": [
                        {
                            "title": "Tomorrow",
                            "rows": [{"id": "1-am", "title": "Morning"}, {"id": "1-pm", "title": "Afternoon"}],
                        },
                        {
                            "title": "The day after",
                            "rows": [
                                {"id": "2-am", "title": "Morning", "description": "Between eight and twelve"},
                            ],
                        },
                    ],
                },
            },
        }
    ),
    "whatsapp_send_link_button": custom(
        template(
            values("Ada"),
            {
                "type": "button",
                "sub_type": "url",
                "index": "0",
                "parameters": [{"type": "text", "text": "AB123"}],
            },
        )
    ),
    "whatsapp_send_location": custom(
        {
            "type": "location",
            "location": {
                "longitude": -0.1246,
                "latitude": 51.5007,
                "name": "Our shop",
                "address": "1 High Street, London",
            },
        }
    ),
    "whatsapp_send_media_message_template": custom(
        template(
            {
                "type": "header",
                "parameters": [{"type": "image", "image": {"link": "https://example.com/parcel.jpg"}}],
            },
            values("Ada", "AB123"),
        )
    ),
    "whatsapp_send_message_template": [
        {
            **WHATSAPP,
            "message_type": "template",
            "template": {"name": "order_shipped", "parameters": ["Ada", "AB123"]},
            "whatsapp": {"locale": "en_GB"},
        }
    ],
    "whatsapp_send_quick_reply_button": custom(
        template(
            values("Ada"),
            *(
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": index,
                    "parameters": [{"type": "payload", "payload": payload}],
                }
                for index, payload in enumerate(("ring", "leave it"))
            ),
        )
    ),
    "whatsapp_send_reply_buttons": custom(
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "Your parcel is at the door. Shall we ring?"},
                "footer": {"text": "Acme"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": button, "title": title}}
                        for button, title in (("ring", "Yes"), ("leave", "Leave it there"), ("later", "Come again"))
                    ]
                },
            },
        }
    ),
    "whatsapp_send_text_message": [{**WHATSAPP, "message_type": "text", "text": "Your parcel is at the door."}],
    "whatsapp_send_video_message": file_of(WHATSAPP, "video", "tour.mp4", caption="The way to us"),
}
"""What each snippet sends: whole requests, in order."""

OUTPUT = {
    "before_you_begin": (
        r"A message would go to http://127\.0\.0\.1:[0-9]+/v1/messages: \{.*\}\n"
        r"The platform takes your credentials\. You may send from: 447700900001, 22353, SimulatedAgent, 1035, 1036\n"
    ),
    "configure_webhooks": (
        r"Messages: http://127\.0\.0\.1:[0-9]+/inbound\nStatuses: http://127\.0\.0\.1:[0-9]+/status\nVersion:  v1\n"
    ),
    "create_application": rf"export VONAGE_APPLICATION_ID={UUID}\nexport VONAGE_PRIVATE_KEY=/.+/made\.key\n",
    "custom_objects": rf"The same: True\nwhatsapp: {UUID}\nmessenger: {UUID}\n",
    "external_accounts": (
        r"whatsapp 447700900001: linked\nviber_service_msg 22353: linked\nrcs SimulatedAgent: linked\n"
        r"messenger 1035: linked now\nmessenger 1036: Application conflict\n"
    ),
    "getting_started": rf"v0\.1: {UUID}\nv1: {UUID}\n",
    "migrate_to_v1": rf"\{{.*\}}\nNot carried: message\.note: .+\n{ACCEPTED}",
    "mms_send_mms": "".join(
        rf"{kind}: {UUID}\n" for kind in ("text", "image", "vcard", "audio", "video", "file", "content")
    ),
}
"""What is printed by those that print more than that their message was accepted."""


@attrs.frozen
class Run:
    """What a snippet printed, and what it sent."""

    output: str
    errors: str
    messages: list[ReceivedMessage]


def without_address(payload: JSONObject) -> dict[str, Any]:
    """A request, without the address of the test's own webhook."""
    return {**payload, "webhook_url": "STATUS_URL"} if "webhook_url" in payload else dict(payload)


@attrs.frozen
class Runs:
    """All of them, what the webhooks were told, and what they left behind at the simulator and in their folder."""

    of: dict[str, Run]
    statuses: dict[str, list[str]]
    """By ``message_uuid``."""
    folder: Path
    applications: list[Application]
    webhooks: Webhooks


async def run_all(folder: Path) -> Runs:
    told: dict[str, list[str]] = defaultdict(list)

    async def tell(request: web.Request) -> web.Response:
        event = parse_status(await request.read())
        told[event.message_uuid].append(event.status)
        return web.Response()

    application = web.Application()
    application.router.add_post("/status", tell)
    async with TestServer(application) as webhook, Simulator(rate=None) as simulator:
        simulator.accounts.add("messenger", "1035", access_token="a page's")
        simulator.accounts.add("messenger", "1036", access_token="a page's", applications=(OTHER_APPLICATION,))
        settings = {
            "INBOUND_URL": str(webhook.make_url("/inbound")),
            "STATUS_URL": str(webhook.make_url("/status")),
            "LIMITS_FILE": str(folder / "limits.json"),
            "PRIVATE_KEY_FILE": str(folder / "made.key"),
        }
        lines = await output_of({**SETTINGS, **settings, **simulator.environment()})
        await simulator.settle()
        assert [refusal.status for refusal in simulator.refusals] == [409]  # the account of another application
        runs = [json.loads(line) for line in lines]
        printed = "".join(output for path, output, _ in runs if ARRIVED[Path(path).stem])
        assert [message.message_uuid for message in simulator.messages] == re.findall(UUID, printed)
        of = {
            Path(path).stem: Run(output, errors, [each for each in simulator.messages if each.message_uuid in output])
            for path, output, errors in runs
        }
        return Runs(of, told, folder, list(simulator.applications), simulator.webhooks)


async def output_of(environment: dict[str, str]) -> list[bytes]:
    paths = [str(SNIPPETS / f"{name}.py") for name in ARRIVED]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", RUN_ONE_AFTER_ANOTHER, *paths),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 600)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, errors.decode()) == (0, "")
    return output.splitlines()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return asyncio.run(run_all(tmp_path_factory.mktemp("snippets")))


@pytest.mark.each("name", ARRIVED)
def test_a_snippet_sends_what_it_says(name: str, runs: Runs) -> None:
    run = runs.of[name]
    assert run.errors == ""
    assert re.fullmatch(OUTPUT.get(name, ACCEPTED), run.output)
    assert [without_address(message.payload) for message in run.messages] == ARRIVED[name]


def test_the_webhook_of_a_message_is_told_what_became_of_it(runs: Runs) -> None:
    (message,) = runs.of["webhook_of_a_message"].messages
    assert runs.statuses[message.message_uuid] == ["submitted", "delivered"]


def test_an_application_is_made_and_its_key_kept_from_others(runs: Runs) -> None:
    (made,) = runs.applications
    assert made.id in runs.of["create_application"].output
    assert made.capabilities["messages"]["webhooks"]["inbound_url"]["address"].endswith("/inbound")
    path = runs.folder / "made.key"
    assert path.stat().st_mode & 0o777 == 0o600
    token = ApplicationAuth(made.id, path).authorization().removeprefix("Bearer ")
    assert jwt.decode(token, made.public_key, algorithms=["RS256"])["application_id"] == made.id


@pytest.mark.parametrize(("file", "secret"), [("no/made.key", None), ("made.key", "another")])
async def test_no_application_is_made_whose_key_has_no_place_and_no_empty_key_is_left(
    tmp_path: Path, file: str, secret: str | None
) -> None:
    async with Simulator(rate=None) as simulator:
        settings = {**simulator.environment(), "PRIVATE_KEY_FILE": str(tmp_path / file)}
        settings |= {"INBOUND_URL": "https://example.com/i", "STATUS_URL": "https://example.com/s"}
        settings |= {} if secret is None else {"VONAGE_API_SECRET": secret}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SNIPPETS / "create_application.py")),
            env={**os.environ, **settings},
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(process.wait(), 60) == 1
        assert not len(simulator.applications)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


def test_the_webhooks_of_the_application_are_told_from_then_on(runs: Runs) -> None:
    assert (runs.webhooks.inbound_url or "").endswith("/inbound")
    (message,) = runs.of["sms_send_sms"].messages
    assert runs.statuses[message.message_uuid] == ["submitted", "delivered"]


def test_a_request_of_v0_1_is_shown_as_it_is_sent_over_v1(runs: Runs) -> None:
    shown = json.loads(runs.of["migrate_to_v1"].output.splitlines()[0])
    (sent,) = ARRIVED["migrate_to_v1"]
    assert {**shown, "to": "447700900000"} == sent


@pytest.mark.each("name", ARRIVED)
def test_a_snippet_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (SNIPPETS / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]


@pytest.mark.each("name", ARRIVED)
def test_a_snippet_uses_public_names_only(name: str) -> None:
    tree = ast.parse((SNIPPETS / f"{name}.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules - {"pathlib"} == {"vonage_messages"}
