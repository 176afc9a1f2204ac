"""
What reading a callback costs: you will see microseconds per payload, their spread, and the ratio to ``json.loads``.

Two bodies, a WhatsApp text and a status, compact as the platform sends them. Rows: ``json.loads`` alone; ours, with the
standard library and with orjson where it is installed; ours with every attribute asked for, since most are read only
then; ours with the signature checked first; pydantic and msgspec on the same shapes, where they are installed. All rows
run in one shuffled order, round after round, so that no row has the quiet machine to itself.

Run: ``python benchmarks/webhook_parsing.py``; the peers come with ``pip install orjson msgspec pydantic``.
"""

from __future__ import annotations

import importlib
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from vonage_messages.webhooks import (
    InboundMessage,
    MessageStatus,
    SignatureVerifier,
    decoding,
    parse_webhook,
    sign_webhook,
)

SAMPLES = Path(__file__).parents[1] / "tests" / "samples" / "v1" / "webhooks"
BODIES = {
    "WhatsApp text": SAMPLES / "inbound-whatsapp-text.json",
    "status": SAMPLES / "status-whatsapp-delivered.json",
}
ROUNDS = 60
REPEATS = 200
SECRET = "benchmark-signature-secret-0123456789abcdef"  # noqa: S105  made up

Job: TypeAlias = Callable[[], object]


def attributes_of(cls: type[InboundMessage | MessageStatus]) -> list[str]:
    """List what can be asked of an event."""
    return [name for name in dir(cls) if not name.startswith("_")] + [field.name for field in attrs.fields(cls)]


def installed(name: str) -> Any:
    """Import a peer, or give ``None``."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def shapes(base: type[Any]) -> dict[str, Any]:
    """
    Write the shapes of both bodies down once, for any library whose classes are made of annotations.

    A kind in a tuple is optional. ``from`` is left out: it would need an alias, which each library spells its own way.
    """

    def shape(title: str, /, **fields: Any) -> Any:
        optional = {key: kind[0] | None for key, kind in fields.items() if isinstance(kind, tuple)}
        members = {"__annotations__": {**fields, **optional}, "__module__": __name__, **dict.fromkeys(optional)}
        return type(base)(title, (base,), members)

    profile = shape("Profile", name=(str,), username=(str,))
    user = shape("User", user_id=(str,), parent_user_id=(str,), wa_id=(str,))
    context = shape("Context", message_uuid=(str,), message_from=(str,))
    inbound_whatsapp = shape("InboundWhatsapp", sender=(user,), waba_id=(str,))
    pricing = shape("Pricing", type=(str,), pricing_model=(str,), category=(str,))
    conversation = shape("Conversation", id=(str,), origin=(shape("Origin", type=(str,)),))
    status_whatsapp = shape(
        "StatusWhatsapp", waba_id=(str,), recipient=(user,), pricing=(pricing,), conversation=(conversation,)
    )
    usage = shape("Usage", currency=(str,), price=(Decimal,))
    envelope = {"message_uuid": str, "to": str, "timestamp": datetime, "channel": str}
    return {
        "WhatsApp text": shape(
            "Inbound", message_type=Literal["text"], text=str, **envelope, profile=(profile,), context_status=(str,),
            context=(context,), provider_message=(str,), whatsapp=(inbound_whatsapp,),
        ),
        "status": shape(
            "Status", status=str, **envelope, client_ref=(str,), usage=(usage,), profile=(profile,),
            whatsapp=(status_whatsapp,),
        ),
    }  # fmt: skip


def decoding_with(decode: Callable[[Any], Any], job: Job) -> Job:
    """Run *job* with one of our decoders, whichever is installed."""

    def run() -> object:
        vars(decoding)["_decode"] = decode
        return job()

    return run


def jobs(name: str, body: bytes) -> dict[str, Job]:
    """Make the rows of one body."""
    verifier = SignatureVerifier(SECRET)
    headers = sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())
    asked = attributes_of(InboundMessage if name == "WhatsApp text" else MessageStatus)

    def parse() -> object:
        return parse_webhook(body)

    def parse_and_ask() -> object:
        event = parse_webhook(body)
        return [getattr(event, attribute) for attribute in asked]

    def verify_and_parse() -> object:
        verifier.verify(headers, body)
        return parse_webhook(body)

    standard = vars(decoding)["_decode_with_json"]
    rows: dict[str, Job] = {
        "json.loads": lambda: json.loads(body),
        "ours": decoding_with(standard, parse),
        "ours, every attribute asked for": decoding_with(standard, parse_and_ask),
        "ours, verified first": decoding_with(standard, verify_and_parse),
    }
    orjson, msgspec, pydantic = installed("orjson"), installed("msgspec"), installed("pydantic")
    if orjson is not None:
        faster = decoding.asking_first(orjson.loads)
        rows["orjson.loads"] = lambda: orjson.loads(body)
        rows["ours with orjson"] = decoding_with(faster, parse)
        rows["ours with orjson, every attribute"] = decoding_with(faster, parse_and_ask)
        rows["ours with orjson, verified first"] = decoding_with(faster, verify_and_parse)
    if msgspec is not None:
        decoder = msgspec.json.Decoder(shapes(msgspec.Struct)[name])
        rows["msgspec, typed"] = lambda: decoder.decode(body)
    if pydantic is not None:
        model = shapes(pydantic.BaseModel)[name]
        rows["pydantic"] = lambda: model.model_validate_json(body)
    return rows


def measured(rows: dict[str, Job]) -> dict[str, list[float]]:
    """Time every row in shuffled rounds, in microseconds per call."""
    samples: dict[str, list[float]] = {row: [] for row in rows}
    order = list(rows)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for row in order:
            job = rows[row]
            job()
            begun = time.perf_counter()
            for _ in range(REPEATS):
                job()
            samples[row].append((time.perf_counter() - begun) / REPEATS * 1e6)
    return samples


def main() -> None:
    """Measure and print."""
    for name, path in BODIES.items():
        body = json.dumps(json.loads(path.read_bytes()), separators=(",", ":"), ensure_ascii=False).encode()
        samples = measured(jobs(name, body))
        floor = statistics.median(samples["json.loads"])
        print(f"{f'{name}, {len(body)} bytes':36}{'median':>10}{'10 %':>10}{'90 %':>10}   µs  ratio")
        for row, times in sorted(samples.items(), key=lambda each: statistics.median(each[1])):
            tenths = statistics.quantiles(times, n=10)
            median = statistics.median(times)
            print(f"{row:36}{median:10.2f}{tenths[0]:10.2f}{tenths[-1]:10.2f}{median / floor:12.2f}")
        print()
    missing = [peer for peer in ("orjson", "msgspec", "pydantic") if installed(peer) is None]
    if missing:
        print(f"Not installed, so not measured: pip install {' '.join(missing)}")


if __name__ == "__main__":
    main()
