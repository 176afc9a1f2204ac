"""The samples against the reference, as ``sample_faults`` reads it, and against its prose where the table is silent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .sample_faults import FACTS, MISSING, SAMPLES, entry_of, message_faults, paths_in, read, value_at, value_faults
from .sample_faults_v0_1 import V0_1_ROWS, v0_1_faults

_E164 = r"[1-9][0-9]{6,14}"
_EMOJI = r"\W{1,12}"


def samples(folder: str) -> list[Path]:
    return sorted(path for path in (SAMPLES / folder).glob("*.json") if path.name != "REASONS.json")


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


PROSE_RULES: dict[str, tuple[str, str | None]] = {
    "email-to-two-recipients": ("section 10: one recipient per request", r"[^@,;]+@[^@,;]+"),
    "email-to-with-a-display-name": ("section 10: address only, no display name", r"[^@<> ]+@[^@<> ]+"),
    "mms-participant-is-a-name": ("section 5: participants are E.164 strings", _E164),
    "sms-text-empty": ("section 4: text is required; an empty one is none", r".+"),
    "sms-to-begins-with-a-zero": ("section 3: to is E.164, country code first", _E164),
    "sms-to-in-arabic-digits": ("section 3: to is E.164; its digits are 0 to 9", _E164),
    "sms-to-is-a-name": ("section 3: to is E.164", _E164),
    "webhook-url-is-no-http-url": ("section 3: a URL that the platform can call", r"https?://.+"),
    "whatsapp-reaction-with-a-word": ("section 7: one emoji", _EMOJI),
    "whatsapp-reaction-with-two-emoji": ("section 7: one emoji", r"\W\ufe0f?"),
    "whatsapp-to-is-a-name": (
        "section 3: E.164 or a BSUID",
        r"[1-9][0-9]*|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}",
    ),
    "whatsapp-unreact-with-emoji": ("section 7: emoji is absent for unreact", None),
}
"""Refused v1 samples whose rule is prose: the sentence, and the form the value should have (``None``: no value)."""

REQUESTS = samples("v1/requests")
REFUSED = samples("v1/refused")
REASONS: dict[str, str] = read(SAMPLES / "v1/refused/REASONS.json")
V0_1_REQUESTS = samples("v0.1/requests")
V0_1_REFUSED = samples("v0.1/refused")
V0_1_REASONS: dict[str, str] = read(SAMPLES / "v0.1/refused/REASONS.json")
IN_TABLE = [path for path in REFUSED if path.stem not in PROSE_RULES]
TYPES = [*FACTS["messages"], "messenger.custom"]
LONGEST_TEXTS = {"sms": 3200, "rcs": 3072, "whatsapp": 4096, "messenger": 640, "viber_service": 1000}


@pytest.mark.each("path", REQUESTS, ids=names(REQUESTS))
def test_v1_request_conforms_to_the_table(path: Path) -> None:
    assert message_faults(read(path)) == []


@pytest.mark.each("path", REQUESTS, ids=names(REQUESTS))
def test_v1_request_is_named_after_what_it_holds(path: Path) -> None:
    payload = read(path)
    assert path.stem.startswith((f"{payload['channel']}-{payload['message_type']}-", "failover-"))


@pytest.mark.each("kind", TYPES)
def test_every_v1_type_has_a_minimal_and_a_full_sample(kind: str) -> None:
    stem = kind.replace(".", "-")
    assert {f"{stem}-minimal", f"{stem}-full"} <= set(names(REQUESTS))


@pytest.mark.each("kind", TYPES)
def test_minimal_v1_sample_holds_nothing_that_could_be_left_out(kind: str) -> None:
    payload = read(SAMPLES / "v1/requests" / f"{kind.replace('.', '-')}-minimal.json")
    entry = entry_of(payload)
    assert entry is not None
    one_of = {options[0] for options in entry.get("oneOf", ())}
    conditional = {path for path, field in entry["fields"].items() if "requiredWhen" in field}
    optional = set(entry["fields"]) - set(entry["required"]) - one_of - conditional
    assert paths_in(payload) & optional == set()


@pytest.mark.each("kind", TYPES)
def test_full_v1_samples_hold_every_path_of_the_table(kind: str) -> None:
    files = [path for path in REQUESTS if re.fullmatch(rf"{kind.replace('.', '-')}(-\w+)?-full", path.stem)]
    held = set().union(*(paths_in(read(path)) for path in files))
    entry = entry_of(dict(zip(("channel", "message_type"), kind.split("."), strict=True)))
    assert entry is not None
    assert set(entry["fields"]) - held == set()


@pytest.mark.parametrize("kind", sorted(FACTS["suggestions"]))
def test_every_suggestion_is_sampled_with_every_field(kind: str) -> None:
    everything = [each for path in REQUESTS for each in _suggestions(read(path)) if each["type"] == kind]
    assert any(set(each) == set(FACTS["suggestions"][kind]["fields"]) for each in everything)


@pytest.mark.parametrize("kind", sorted(FACTS["suggestions"]))
def test_every_suggestion_is_sampled_with_its_required_fields_only(kind: str) -> None:
    everything = [each for path in REQUESTS for each in _suggestions(read(path)) if each["type"] == kind]
    assert any(set(each) == set(FACTS["suggestions"][kind]["required"]) for each in everything)


def _suggestions(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.get("suggestions", ())
        for each in value.values():
            yield from _suggestions(each)
    elif isinstance(value, list):
        for each in value:
            yield from _suggestions(each)


@pytest.mark.parametrize(("channel", "longest"), LONGEST_TEXTS.items())
def test_longest_text_of_a_channel_has_exactly_the_published_length(channel: str, longest: int) -> None:
    payload = read(SAMPLES / "v1/requests" / f"{channel}-text-longest-text.json")
    assert (len(payload["text"]), payload["text"].isascii()) == (longest, False)


@pytest.mark.each("path", [path for path in (*REQUESTS, *V0_1_REQUESTS) if "longest-" in path.stem])
def test_longest_sample_cannot_grow(path: Path) -> None:
    payload = read(path)
    version_faults = v0_1_faults if path in V0_1_REQUESTS else message_faults
    assert any(version_faults(grown) for grown in _with_one_value_grown(payload))


def _with_one_value_grown(value: Any) -> Iterator[Any]:
    """Yield copies in which one string is a character longer, or one integer greater by one."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from ({**value, key: grown} for grown in _with_one_value_grown(each))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from ([*value[:index], grown, *value[index + 1 :]] for grown in _with_one_value_grown(each))
    elif isinstance(value, str):
        yield value + "0"
    elif not isinstance(value, bool):
        yield value + 1


def test_longest_client_ref_has_exactly_100_characters() -> None:
    assert len(read(SAMPLES / "v1/requests/sms-text-longest-client-ref.json")["client_ref"]) == 100


@pytest.mark.each("path", IN_TABLE, ids=names(IN_TABLE))
def test_refused_v1_request_has_its_one_fault_by_the_table(path: Path) -> None:
    assert {fault.path for fault in message_faults(read(path))} == {REASONS[path.name]}


@pytest.mark.each("name", PROSE_RULES)
def test_refused_v1_request_breaks_the_prose_where_the_table_is_silent(name: str) -> None:
    payload = read(SAMPLES / "v1/refused" / f"{name}.json")
    value, (_, form) = value_at(payload, REASONS[f"{name}.json"]), PROSE_RULES[name]
    broken = value is not MISSING if form is None else not re.fullmatch(form, value)
    assert (message_faults(payload), broken) == ([], True)


def test_every_refused_v1_request_has_its_reason() -> None:
    assert sorted(REASONS) == [path.name for path in REFUSED]


@pytest.mark.each("kind", V0_1_ROWS)
def test_every_v0_1_row_has_a_minimal_and_a_full_sample(kind: str) -> None:
    stem = kind.replace(".", "-")
    assert {f"{stem}-minimal", f"{stem}-full"} <= set(names(V0_1_REQUESTS))


def test_v0_1_has_eighteen_rows() -> None:
    assert len(V0_1_ROWS) == 18


@pytest.mark.each("path", V0_1_REQUESTS, ids=names(V0_1_REQUESTS))
def test_v0_1_request_conforms(path: Path) -> None:
    assert v0_1_faults(read(path)) == []


@pytest.mark.each("path", V0_1_REFUSED, ids=names(V0_1_REFUSED))
def test_refused_v0_1_request_has_its_one_fault(path: Path) -> None:
    reason = V0_1_REASONS[path.name]
    faults = {fault.path for fault in v0_1_faults(read(path))}
    # An address under the wrong key is one mistake that shows twice: the right key is missing, the other unknown.
    assert reason in faults
    assert faults <= {reason, reason.rpartition(".")[0] + ".number"}


def test_every_refused_v0_1_request_has_its_reason() -> None:
    assert sorted(V0_1_REASONS) == [path.name for path in V0_1_REFUSED]


UPDATES = samples("v1/updates")


@pytest.mark.parametrize("path", UPDATES, ids=names(UPDATES))
def test_update_conforms_to_the_table(path: Path) -> None:
    assert value_faults(read(path), FACTS["update"][path.stem.partition("-")[0]]) == []


RESPONSES = [*samples("v1/responses"), *samples("v0.1/responses")]
PROBLEMS = [path for path in RESPONSES if path.stem.startswith("error-")]


@pytest.mark.each("path", PROBLEMS, ids=[f"{path.parts[-3]}-{path.stem}" for path in PROBLEMS])
def test_problem_holds_the_fields_of_section_14_and_no_more(path: Path) -> None:
    keys = set(read(path))
    assert {"type", "title", "instance"} <= keys <= {"type", "title", "detail", "instance", "invalid_parameters"}


@pytest.mark.each("status", [401, 402, 403, 404, 405, 406, 415, 422, 429, 451, 500])
def test_every_documented_error_status_has_a_problem(status: int) -> None:
    assert any(path.stem.startswith(f"error-{status}-") for path in samples("v1/responses"))


ACCEPTED = [path for path in RESPONSES if path.stem.startswith("accepted-")]


@pytest.mark.parametrize("path", ACCEPTED, ids=[f"{path.parts[-3]}-{path.stem}" for path in ACCEPTED])
def test_accepted_answer_holds_a_message_uuid(path: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", read(path)["message_uuid"])


def test_every_sample_has_its_row_in_the_list_of_sources() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| messages-|^\| `([^`]+)` \| v1-", _sources(), re.MULTILINE)
    held = [
        str(path.relative_to(SAMPLES).as_posix())
        for path in SAMPLES.rglob("*.json")
        if path.name != "REASONS.json"
        and path.parent.name not in {"facts", "webhooks"}  # those have a list of their own
    ]
    assert sorted(first or second for first, second in rows) == sorted(held)


def _sources() -> str:
    return (SAMPLES / "SOURCES.md").read_text(encoding="utf-8")


def _difference_rows() -> list[tuple[str, str]]:
    text = (SAMPLES / "DIFFERENCES.md").read_text(encoding="utf-8").partition("## What")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [
        (name, argument)
        for classes, arguments, *_ in rows
        for name in re.findall(r"`(\w+)`", classes)
        for argument in re.findall(r"`(\w+)`", arguments)
    ]


@pytest.mark.each(("name", "argument"), _difference_rows())
def test_listed_difference_names_an_argument_of_the_official_file(name: str, argument: str) -> None:
    models = read(SAMPLES / "facts" / "official-models.json")["models"]
    assert argument in models[name]
