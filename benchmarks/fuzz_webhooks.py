"""
Mutated callbacks against the parsers: you will see how many were read, how many refused, and nothing else happen.

The samples of ``tests/samples`` are changed as JSON (values of wrong types, members gone, moved, nested too deeply) and
as bytes (flipped, cut, doubled, broken numbers and escapes). Whatever is read is then asked for every attribute it has,
shown, and sometimes pickled. Run: ``python benchmarks/fuzz_webhooks.py [count] [seed]``; the default is a million.
"""

# ruff: noqa: PLR2004  the chances of a mutation are numbers with no other meaning

from __future__ import annotations

import copy
import json
import pickle
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from vonage_messages.errors import MalformedWebhookError
from vonage_messages.webhooks import (
    InboundMessage,
    MessageStatus,
    StatusTimeline,
    parse_inbound,
    parse_status,
    parse_webhook,
)

SAMPLES = Path(__file__).parents[1] / "tests" / "samples"
PARSERS: tuple[Callable[[Any], InboundMessage | MessageStatus], ...] = (parse_inbound, parse_status, parse_webhook)

_DEEP: Any = "bottom"
for _ in range(250):
    _DEEP = [_DEEP]

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 10**18, -(10**40), 1.5, -0.0, 1e308, float("inf"),
    "", " ", "0", "-1", "1e999", "\u0663", "\ud800", "\x00", "x" * 300, "NaN", "text", "2025-02-03T12:14:25Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-01-01 14:00:00 UTC",
    [], {}, [None], [[]], [{}], [{"type": "image"}], {"type": "text"}, {"url": "https://media.example.com/1"}, _DEEP,
)  # fmt: skip
ODD_KEYS = ("", "extra", "raw", "type", "message", "content", "status", "message_type", "channel", "to", "\ud800")
ODD_BYTES = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"\\ud800", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"null",
    b"[" * 300, b"{" * 300, b"[" * 2000 + b"]" * 2000, b'{"a":1,"a":2}', b"\xef\xbb\xbf", b"\x00",
    b'"', b"\\", b",", b":", b"}", b"]", b" ",
)  # fmt: skip


def samples() -> list[dict[str, Any]]:
    """Read every callback of the samples."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES.glob("v*/webhooks/*.json"))]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every place of a payload as its holder and its key there, without recursion."""
    holders = [value]
    while holders:
        holder = holders.pop()
        for key, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            yield holder, key
            if isinstance(item, dict | list):
                holders.append(item)


def changed_as_json(payload: dict[str, Any], others: list[dict[str, Any]], chance: random.Random) -> dict[str, Any]:
    """Change one to four places of a copy of *payload*."""
    result = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 4)):
        found = list(places(result))
        if not found:
            break
        holder, key = chance.choice(found)
        kind = chance.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = {"inner": holder[key]} if chance.random() < 0.5 else [holder[key]]
        elif kind == 2 and isinstance(holder, dict):
            holder[chance.choice(ODD_KEYS)] = holder.pop(key)
        elif kind == 3:
            source, name = chance.choice(list(places(chance.choice(others))))
            holder[key] = copy.deepcopy(source[name])
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD_VALUES))
    return result


def changed_as_bytes(body: bytes, chance: random.Random) -> bytes:
    """Change one to four places of *body*."""
    result = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(result))
        kind = chance.randrange(5)
        if kind == 0 and at < len(result):
            result[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del result[at : at + chance.randint(1, 20)]
        elif kind == 2:
            result[at:at] = chance.choice(ODD_BYTES)
        elif kind == 3:
            result[at:at] = result[max(0, at - 40) : at]
        else:
            del result[at:]
    return bytes(result)


def ask_everything(event: InboundMessage | MessageStatus, chance: random.Random) -> None:
    """Ask an event for all it has: the attributes that are read late must not raise either."""
    for name in dir(type(event)):
        if not name.startswith("_"):
            getattr(event, name)
    repr(event)
    hash(event)
    if isinstance(event, MessageStatus):
        StatusTimeline([event, event])
    if chance.random() < 0.02:
        copied = pickle.loads(pickle.dumps(event))  # noqa: S301  made a line before
        if copied != event or attrs.evolve(event) != event:
            raise ValueError("an event does not equal its copy")


def run(count: int, seed: int = 1, seconds: float = float("inf")) -> Counter[str]:
    """
    Parse *count* mutated payloads, or as many as *seconds* allow, and count what came of them.

    Raises:
        Exception: whatever a parser or an event raised that it must not; the payload is in its notes.
    """
    chance = random.Random(seed)  # noqa: S311  a seed makes the run repeatable
    payloads = samples()
    bodies = [json.dumps(payload).encode() for payload in payloads]
    figures: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for number in range(count):
        if number % 64 == 0 and time.monotonic() > end:
            break
        at = chance.randrange(len(payloads))
        if number % 2:
            source: Any = changed_as_bytes(bodies[at], chance)
        else:
            source = changed_as_json(payloads[at], payloads, chance)
            if chance.random() < 0.5:
                source = json.dumps(source, ensure_ascii=chance.random() < 0.5)
        figures["payloads"] += 1
        try:
            event = chance.choice(PARSERS)(source)
            ask_everything(event, chance)
        except MalformedWebhookError:
            figures["refused"] += 1
        except BaseException as error:
            error.add_note(f"payload {number} of seed {seed}: {source!r:.2000}")
            raise
        else:
            figures[type(event).__name__] += 1
            figures["with something unknown"] += bool(event.extra)
    return figures


def main() -> None:
    """Run and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    begun = time.perf_counter()
    figures = run(count, seed)
    for name, figure in figures.items():
        print(f"{name:24}{figure:>12,}")
    print(f"{'seconds':24}{time.perf_counter() - begun:>12.1f}")


if __name__ == "__main__":
    main()
