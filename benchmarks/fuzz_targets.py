"""
What the fuzz campaign throws at whom, and what must come of it: a class for each door through which foreign data comes.

A target makes inputs of a block from the block's own chance, so that a block can be run again by its number. It judges
each: only the documented error may be raised, what was read must be whole (shown, compared, written again), and what
was not signed must not be taken. A breach is a ``BreachError``, or whatever else was raised.
"""

# ruff: noqa: PLR2004  the chances of a mutation are numbers with no other meaning

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import math
import pickle
import random
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from fuzz_webhooks import PARSERS, ask_everything, changed_as_bytes, changed_as_json, places, samples

from vonage_messages import Limits, Sms, from_payload, segments, to_json, to_payload
from vonage_messages.bulk.rows import BadRow, SourceRow, read_rows
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import (
    APIError,
    ConfigurationError,
    InvalidMessageError,
    MalformedWebhookError,
    ResponseLostError,
    UnexpectedResponseError,
    WebhookError,
)
from vonage_messages.receiving import Drift
from vonage_messages.segmentation import replace_smart, suggest_replacements
from vonage_messages.values import E164, masked, normalize_number
from vonage_messages.webhooks import SignatureVerifier, sign_webhook
from vonage_messages.webhooks.scrubbing import Scrubber
from vonage_messages.webhooks.surprises import LONGEST_NAME, is_familiar, walked_surprises
from vonage_messages.wire import migrate, rest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
NOW = 1_770_000_000.0
SECRETS = ("example-signature-secret-0123456789abcdef", "another-signature-secret-0123456789abcd")  # made up
ODD_CHARACTERS = (
    *(
        "\x00",
        "\r",
        "\n",
        "\r\n",
        "\t",
        '"',
        "'",
        "\\",
        ",",
        ";",
        "=",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "#",
        ".",
        "+",
        "-",
    ),
    *("0", "9", "00", "e", " ", "\u00a0", "\u0663", "\uff11", "\u2028", "\ufeff", "\ud800", "\udcff", "\U0001f44d"),
    *("\u200d", "\u0301", "\u20ac", "9" * 5000, "x" * 2000, "NaN", "inf", "None", "\x1b"),
)


class BreachError(Exception):
    """Something came of an input that must not."""


class Target:
    """One door: ``make`` an input, and ``examine`` what comes of it, in a word."""

    name: ClassVar[str]
    share: ClassVar[int]
    """How many of 1,000 inputs of a campaign."""

    def make(self, chance: random.Random) -> Any:
        """Make one input."""
        raise NotImplementedError

    def examine(self, given: Any, chance: random.Random) -> str:
        """
        Hand *given* over, and say what came of it.

        Raises:
            BreachError: what must not.
        """
        raise NotImplementedError


def documents(*patterns: str) -> list[dict[str, Any]]:
    """Read JSON objects of the samples."""
    paths = [path for pattern in patterns for path in sorted(SAMPLES.glob(pattern))]
    found = [json.loads(path.read_bytes()) for path in paths]
    return [each for each in found if isinstance(each, dict)]


def lines_of(name: str) -> list[str]:
    """Read a corpus that has a seed in each line, written as a JSON string."""
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines() if line]


def texts_of(pattern: str) -> list[str]:
    """Read a corpus that has a seed in each file."""
    return [path.read_text(encoding="utf-8") for path in sorted(CORPUS.glob(pattern))]


def changed_as_text(text: str, chance: random.Random, others: Sequence[str] = ()) -> str:
    """Change one to four places of *text*."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(text))
        kind = chance.randrange(6)
        if kind == 0:
            text = text[:at] + text[at + chance.randint(1, 8) :]
        elif kind == 1:
            text = text[:at] + chance.choice(ODD_CHARACTERS) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x11000)))) + text[at + 1 :]
        elif kind == 3:
            text = text[:at] + text[max(0, at - 20) :]
        elif kind == 4 and others:
            other = chance.choice(others)
            text = text[:at] + other[chance.randint(0, len(other)) :]
        else:
            text = text[:at] + text[at:][::-1]
    return text


def changed_in_its_texts(payload: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Change one text of a payload, or none: what is read this way comes more often to be written again."""
    result = copy.deepcopy(payload)
    texts = [(holder, key) for holder, key in places(result) if isinstance(holder[key], str)]
    if texts and chance.random() < 0.9:
        holder, key = chance.choice(texts)
        holder[key] = changed_as_text(holder[key], chance)
    return result


def check(holds: object, what: str) -> None:
    """
    Insist.

    Raises:
        BreachError: it does not hold.
    """
    if not holds:
        raise BreachError(what)


class Webhooks(Target):
    """``parse_inbound``, ``parse_status``, ``parse_webhook``; and what reads events: drift, samples, both shown."""

    name = "webhooks"
    share = 120

    def __init__(self) -> None:
        self._payloads = samples()
        self._bodies = [json.dumps(payload).encode() for payload in self._payloads]
        self._drift = Drift(max_names=20)

    def make(self, chance: random.Random) -> Any:
        """Change a sample, as JSON or as bytes."""
        at = chance.randrange(len(self._payloads))
        if chance.random() < 0.6:
            return changed_as_bytes(self._bodies[at], chance)
        changed = changed_as_json(self._payloads[at], self._payloads, chance)
        return changed if chance.random() < 0.5 else json.dumps(changed, ensure_ascii=chance.random() < 0.5)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Parse it, and ask the event for everything."""
        try:
            event = chance.choice(PARSERS)(given)
        except MalformedWebhookError as error:
            check(len(str(error)) < 300, "an error repeats the body")
            return "refused"
        ask_everything(event, chance)
        check(not is_familiar(event) or not walked_surprises(event), "the quick look lets something unknown by")
        for surprise in self._drift.observe(event):
            check(surprise.name.isprintable() and len(surprise.name) <= LONGEST_NAME, "an unknown name is no name")
        check(all(len(names) <= 21 for names in self._drift.counts.values()), "names are kept without bound")
        if chance.random() < 0.1:
            scrubbed = Scrubber().scrub(event.raw)
            check(len(scrubbed) == len(event.raw), "a scrubbed sample has another shape")
        return "read, with something unknown" if event.extra else "read"


class Signatures(Target):
    """``SignatureVerifier.verify``: nothing that was not signed is taken, whatever the token looks like."""

    name = "signatures"
    share = 200

    def __init__(self) -> None:
        self._verifier = SignatureVerifier(*SECRETS, clock=lambda: NOW, remember_tokens=100)
        bodies = [b"{}", b"", b'{"channel":"sms","status":"delivered"}', b"\xff\x00" * 50]
        self._genuine = [
            (headers["Authorization"].removeprefix("Bearer "), body)
            for body in bodies
            for secret in SECRETS
            for headers in [sign_webhook(body, secret, api_key="a1b2c3d", issued_at=NOW, token_id="t" + body.hex()[:8])]
        ]
        self._signed = {(token.rpartition(".")[0], body) for token, body in self._genuine}

    def make(self, chance: random.Random) -> Any:
        """Change token, body or header of a genuine callback, or mix those of several."""
        token, body = chance.choice(self._genuine)
        kind = chance.randrange(8)
        if kind == 0:
            body = changed_as_bytes(body, chance)
        elif kind == 1:
            token = changed_as_text(token, chance)
        elif kind == 2:
            mixed = zip(*(each.split(".") for each, _ in chance.choices(self._genuine, k=3)), strict=True)
            token = ".".join(chance.choice(parts) for parts in mixed)
        elif kind in {3, 4, 5}:
            token = self._rewritten(token, chance, part=kind % 2)
        elif kind == 6:
            token = token[:-1] + chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/.")
        scheme = chance.choice(("Bearer ", "Bearer ", "Bearer ", "bearer ", "BEARER  ", "", "Basic ", "Bearer\t"))
        name = chance.choice(("Authorization", "authorization", "AUTHORIZATION", "X-Authorization"))
        return {name: scheme + token}, body

    @staticmethod
    def _rewritten(token: str, chance: random.Random, part: int) -> str:
        """Change the JSON in the header or in the claims, and leave the signature, or take it away."""
        segments_ = token.split(".")
        decoded = json.loads(base64.urlsafe_b64decode(segments_[part] + "=="))
        if part == 0 and chance.random() < 0.7:
            decoded["alg"] = chance.choice(("none", "None", "HS512", "RS256", "hs256", "", None, ["HS256"], 0))
        else:
            decoded = changed_as_json(decoded, [decoded], chance)
        with suppress(ValueError):
            written = json.dumps(decoded, ensure_ascii=False).encode("utf-8", "surrogatepass")
            segments_[part] = base64.urlsafe_b64encode(written).rstrip(b"=").decode()
        if chance.random() < 0.3:
            segments_[2] = ""
        return ".".join(segments_)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Verify it; what is taken must have been signed, word for word."""
        headers, body = given
        try:
            claims = self._verifier.verify(headers, body)
        except WebhookError as error:
            check(not any(secret in str(error) for secret in SECRETS), "an error holds the secret")
            return "refused"
        (value,) = headers.values()
        signed, _, _ = value.split()[-1].rpartition(".")
        check((signed, body) in self._signed, "what was not signed is taken")
        check(claims.payload_hash == hashlib.sha256(body).hexdigest(), "the body has another hash")
        (self._verifier.commit if chance.random() < 0.5 else self._verifier.abort)(claims)
        return "taken"


class Payloads(Target):
    """``from_payload`` for v1 and v0.1, lenient too; what it reads is written and read again."""

    name = "payloads"
    share = 80

    def __init__(self) -> None:
        self._payloads = {
            version: documents(f"{version}/requests/**/*.json", f"{version}/refused/**/*.json")
            for version in ("v1", "v0.1")
        }
        self._all = [each for payloads in self._payloads.values() for each in payloads]

    def make(self, chance: random.Random) -> Any:
        """Change a request, and now and then take it for one of the other version."""
        version = chance.choice(("v1", "v1", "v0.1"))
        payload = chance.choice(self._all if chance.random() < 0.1 else self._payloads[version])
        if chance.random() < 0.3:
            return version, changed_in_its_texts(payload, chance)
        return version, changed_as_json(payload, self._all, chance)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Read it, write it, and read that."""
        version, payload = given
        before = copy.deepcopy(payload) if chance.random() < 0.1 else None
        try:
            message = from_payload(payload, version)
        except InvalidMessageError as error:
            check(error.problems, "a refusal without a problem")
            str(error)
            self._examine_lenient(version, payload)
            return "refused"
        check(before is None or _alike(before, payload), "reading has changed the payload")
        check(from_payload(to_payload(message, version), version) == message, "it does not come back from its payload")
        json.loads(to_json(message, version))
        repr(message)
        if chance.random() < 0.05:
            check(pickle.loads(pickle.dumps(message)) == message, "it does not equal its copy")  # noqa: S301  our own
        return "read"

    @staticmethod
    def _examine_lenient(version: Any, payload: Any) -> None:
        try:
            message = from_payload(payload, version, lenient=True)
        except InvalidMessageError:
            check(
                not payload or not _is_strict_json(payload) or _levels(payload) > 64,
                "a JSON object is refused by a lenient reader",
            )
            return
        check(isinstance(message, RawMessage), "what is refused becomes something else than a RawMessage")
        for name in ("channel", "message_type", "to", "from_", "client_ref", "failover"):
            getattr(message, name)
        to_json(message, version)
        repr(message)


def _alike(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _levels(payload: Any) -> int:
    levels, level = 0, [payload]
    while level:
        levels += 1
        holders = [each for each in level if isinstance(each, dict | list)]
        level = [item for each in holders for item in (each.values() if isinstance(each, dict) else each)]
    return levels


def _is_strict_json(payload: Any) -> bool:
    try:
        json.dumps(payload, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True


class Answers(Target):
    """Answers of the platform: problem documents, receipts, headers; any status with any body."""

    name = "answers"
    share = 150
    _documented = (APIError, UnexpectedResponseError, ResponseLostError)

    def __init__(self) -> None:
        paths = [*sorted(SAMPLES.glob("v*/responses/**/*.json")), *sorted(CORPUS.glob("answers/*.json"))]
        self._bodies = [path.read_bytes() for path in paths]
        self._documents = [each for each in map(json.loads, self._bodies) if isinstance(each, dict)]

    def make(self, chance: random.Random) -> Any:
        """Change the body of an answer, and give it a status and headers."""
        if chance.random() < 0.6:
            body = changed_as_bytes(chance.choice(self._bodies), chance)
        else:
            changed = changed_as_json(chance.choice(self._documents), self._documents, chance)
            body = json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass")
        status = chance.choice((200, 202, 204, 301, 400, 401, 402, 403, 404, 409, 422, 429, 500, 503, 999, 0))
        headers = {
            chance.choice(("X-Request-Id", "x-request-id", "")): chance.choice(("r-1", "", "\ud800", "\r\nX: y")),
            chance.choice(("Retry-After", "retry-after")): chance.choice(("1", "-1", "inf", "9" * 400, "\x00")),
        }
        return status, headers, body

    def examine(self, given: Any, chance: random.Random) -> str:
        """Read it in one of four ways."""
        status, headers, body = given
        read = chance.choice((rest.read_send_response, rest.read_update_response, rest.read_document, rest.read_error))
        try:
            result = read(status, headers, body, now=NOW)
        except self._documented as error:
            result = error
        if not isinstance(result, Exception):
            check(200 <= status < 300, "what is no success is read as one")
            return "read"
        str(result).encode()
        check(isinstance(result, self._documented), "another error")
        if isinstance(result, APIError) and chance.random() < 0.05:
            again = pickle.loads(pickle.dumps(result))  # noqa: S301  our own
            check(str(again) == str(result), "it does not equal its copy")
        return "error"


class RetryAfter(Target):
    """``Retry-After``: no span, or a finite one that is not negative."""

    name = "retry-after"
    share = 150

    def __init__(self) -> None:
        self._seeds = lines_of("retry-after.txt")

    def make(self, chance: random.Random) -> Any:
        """Change a value."""
        return changed_as_text(chance.choice(self._seeds), chance, self._seeds)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Read it."""
        span = rest.parse_retry_after(given, now=chance.choice((0.0, NOW, 1e12)))
        if span is None:
            return "none"
        check(isinstance(span, float) and math.isfinite(span) and span >= 0, f"a span of {span}")
        return "a span"


class Numbers(Target):
    """Phone numbers: normalised at most once, never made longer, refused with a sentence, hidden when shown."""

    name = "numbers"
    share = 130

    def __init__(self) -> None:
        self._seeds = lines_of("numbers.txt")

    def make(self, chance: random.Random) -> Any:
        """Change a number."""
        return changed_as_text(chance.choice(self._seeds), chance, self._seeds)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Normalise it, mask it, and sometimes send to it."""
        normal = normalize_number(given)
        check(normal == given or (normal.isascii() and normal.isdigit() and len(normal) <= 15), f"made into {normal!r}")
        check(normalize_number(normal) == normal, "what is normal is changed again")
        hidden = masked(given)
        check(hidden.isprintable() and len(hidden) <= 60 and (len(given) <= 5 or given not in hidden), "it is shown")
        if chance.random() < 0.2:
            try:
                message = Sms(to=given, from_="Acme", text="Hello")
            except InvalidMessageError as error:
                str(error)
                return "refused"
            check(E164.fullmatch(message.to), f"a message to {message.to!r}")
        return "a number" if E164.fullmatch(normal) else "as it was"


class Texts(Target):
    """``segments``: parts that hold the text, with replacements and without."""

    name = "segments"
    share = 70

    def __init__(self) -> None:
        self._seeds = lines_of("texts.txt")

    def make(self, chance: random.Random) -> Any:
        """Change a text."""
        return changed_as_text(chance.choice(self._seeds), chance, self._seeds)

    def examine(self, given: Any, chance: random.Random) -> str:
        """Count its parts."""
        encoding = chance.choice(("auto", "auto", "unicode", "text"))
        found = segments(given, encoding)
        check(found.count == 0 if not given else found.count >= 1, "no part")
        plain = replace_smart(given)
        check(replace_smart(plain) == plain, "what is plain is replaced again")
        for each in suggest_replacements(given):
            check(all(0 <= at < len(given) for at in each.positions), "a replacement outside of the text")
        longer = segments(given + "a", encoding)
        check(longer.count >= found.count or encoding == "auto", "a longer text has fewer parts")
        return found.encoding


class Migrations(Target):
    """``migrate``: documents of either version, of any kind; what was carried whole comes back."""

    name = "migrate"
    share = 50

    def __init__(self) -> None:
        self._old = documents("v0.1/requests/**/*.json", "v0.1/webhooks/*.json")
        self._new = documents("v1/requests/**/*.json", "v1/webhooks/*.json")

    def make(self, chance: random.Random) -> Any:
        """Change a document."""
        old = chance.random() < 0.5
        payloads = self._old if old else self._new
        return old, changed_as_json(chance.choice(payloads), payloads, chance)

    def examine(self, given: Any, chance: random.Random) -> str:  # noqa: ARG002  one way only
        """Carry it over."""
        old, payload = given
        there, back = (migrate.to_v1, migrate.to_v0_1) if old else (migrate.to_v0_1, migrate.to_v1)
        try:
            migrated = there(payload)
        except InvalidMessageError as error:
            str(error)
            return "refused"
        for each in migrated.lost:
            str(each)
        with suppress(InvalidMessageError):
            back(migrated.payload)
        return "carried, with losses" if migrated.lost else "carried"


class Rows(Target):
    """The rows of a campaign: CSV and JSON Lines, as bytes."""

    name = "rows"
    share = 30

    def __init__(self) -> None:
        self._seeds = [path.read_bytes() for path in sorted(CORPUS.glob("rows/*"))]

    def make(self, chance: random.Random) -> Any:
        """Change a file."""
        body = changed_as_bytes(chance.choice(self._seeds), chance)
        if chance.random() < 0.5:
            at = chance.randint(0, len(body))
            body = body[:at] + chance.choice(ODD_CHARACTERS).encode("utf-8", "surrogatepass") + body[at:]
        return chance.choice((None, "csv", "jsonl")), body

    def examine(self, given: Any, chance: random.Random) -> str:  # noqa: ARG002  one way only
        """Read every row."""
        row_format, body = given
        stream = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8")
        try:
            rows = list(read_rows(stream, row_format=row_format))
        except ConfigurationError as error:
            str(error).encode("utf-8", "surrogatepass")
            return "refused"
        check([row.number for row in rows] == list(range(1, len(rows) + 1)), "rows are not counted in order")
        check([row.line for row in rows] == sorted({row.line for row in rows}), "two rows begin on one line")
        check(
            all(isinstance(row, SourceRow) or (row.problems and str(row)) for row in rows), "a bad row without reason"
        )
        return "with bad rows" if any(isinstance(row, BadRow) for row in rows) else "read"


class LimitFiles(Target):
    """``Limits.from_toml``."""

    name = "limits"
    share = 20

    def __init__(self) -> None:
        self._seeds = texts_of("limits/*.toml")

    def make(self, chance: random.Random) -> Any:
        """Change a file."""
        return changed_as_text(chance.choice(self._seeds), chance, self._seeds)

    def examine(self, given: Any, chance: random.Random) -> str:  # noqa: ARG002  one way only
        """Read it."""
        try:
            limits = Limits.from_toml(given)
        except ConfigurationError as error:
            str(error)
            return "refused"
        repr(limits)
        check(limits == Limits.from_toml(given), "two readings differ")
        return "read"


TARGETS: dict[str, Callable[[], Target]] = {
    cls.name: cls
    for cls in (Webhooks, Signatures, Payloads, Answers, RetryAfter, Numbers, Texts, Migrations, Rows, LimitFiles)
}
"""Every door, by its name."""


def shown(given: object) -> str:
    """Write an input down for a report, in one line of bounded length."""
    return re.sub(r"\s+", " ", ascii(given))[:3000]
