"""Chance that can be repeated: the same text, the same row, evenly spread."""

from __future__ import annotations

from itertools import islice

import pytest

from vonage_messages.simulator.draws import Draws


def row(text: str, length: int) -> list[float]:
    draws = Draws(text)
    return list(islice(iter(draws.share, None), length))


def test_same_text_gives_the_same_row_and_another_text_another() -> None:
    assert row("0/1", 100) == row("0/1", 100)
    assert row("0/1", 100) != row("0/2", 100)


def test_row_does_not_repeat_itself() -> None:
    numbers = row("0/1", 200)
    assert len(set(numbers)) == 200
    assert all(0 <= number < 1 for number in numbers)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_as_many_happen_as_are_asked_for(share: float) -> None:
    happened = sum(Draws(f"7/{number}").happens(share) for number in range(4000))
    assert abs(happened / 4000 - share) < 0.03


def test_never_and_always() -> None:
    draws = Draws("x")
    assert not any(draws.happens(0) for _ in range(100))
    assert all(draws.happens(1) for _ in range(100))


def test_variation_stays_within_its_share() -> None:
    draws = Draws("x")
    numbers = [draws.varied(10, 0.5) for _ in range(500)]
    assert 5 <= min(numbers) < 6
    assert 14 < max(numbers) <= 15
    assert draws.varied(10, 0) == 10
