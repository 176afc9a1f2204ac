"""What an answer or a status says about speed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vonage_messages.limits.learning import (
    DEFAULT_PAUSE,
    LESSONS,
    LONGEST_RESET,
    Lesson,
    lesson_of,
    pause_of,
    pause_when_used_up,
)
from vonage_messages.webhooks import MessageStatus, parse_status

NOW = 1_790_000_000.0


def status(error: dict[str, Any] | None) -> MessageStatus:
    body: dict[str, Any] = {
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "channel": "whatsapp",
        "status": "rejected",
        "to": "447700900000",
        "from": "14155550100",
        "timestamp": "2026-11-01T10:00:00Z",
    }
    if error is not None:
        body["error"] = error
    return parse_status(json.dumps(body).encode())


def test_retry_after_goes_before_the_reset() -> None:
    assert pause_of(7.0, {"X-RateLimit-Reset": str(NOW + 3)}, NOW) == 7.0


@pytest.mark.parametrize("text", [f"{NOW + 3:.0f}", f"{(NOW + 3) * 1000:.0f}"])
def test_reset_is_read_in_seconds_and_in_milliseconds(text: str) -> None:
    assert pause_of(None, {"x-ratelimit-reset": text}, NOW) == pytest.approx(3.0)


def test_reset_is_not_believed_an_hour() -> None:
    assert pause_of(None, {"X-RateLimit-Reset": str(NOW + 3600)}, NOW) == LONGEST_RESET


@pytest.mark.parametrize("text", ["", "soon", "nan", "-inf", str(NOW - 5)])
def test_reset_that_says_nothing_is_a_second(text: str) -> None:
    assert pause_of(None, {"X-RateLimit-Reset": text}, NOW) == DEFAULT_PAUSE


def test_infinite_reset_is_no_infinite_pause() -> None:
    assert pause_of(None, {"X-RateLimit-Reset": "inf"}, NOW) <= LONGEST_RESET


def test_answer_that_leaves_nothing_pauses_until_the_reset() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW + 2)}

    assert pause_when_used_up(headers, NOW) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-RateLimit-Reset": str(NOW + 2)}, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": str(NOW + 2)}],
)
def test_answer_that_leaves_something_pauses_nothing(headers: dict[str, str]) -> None:
    assert pause_when_used_up(headers, NOW) is None


@pytest.mark.parametrize(("code", "lesson"), LESSONS.items())
def test_code_of_a_status_teaches_its_lesson(code: int, lesson: Lesson) -> None:
    error = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": str(code)}

    assert lesson_of(status(error)) == lesson


def test_code_of_the_provider_is_found_in_the_words() -> None:
    error = {"type": "https://x.example", "title": 1350, "detail": "(#131056) pair rate limit hit"}

    assert lesson_of(status(error)) == LESSONS[131056]


@pytest.mark.parametrize("error", [None, {"title": "1320"}, {"title": "9", "detail": "ticket 91310567"}])
def test_other_statuses_teach_nothing(error: dict[str, Any] | None) -> None:
    assert lesson_of(status(error)) is None
