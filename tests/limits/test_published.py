"""The published limits, as the reference has them."""

from __future__ import annotations

from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate


def test_published_limits_are_those_of_the_sources() -> None:
    assert dict(Limits.published().each()) == {
        "account": Rate(30),
        "each_sender mms": Rate(40),
        "each_sender whatsapp": Rate(80),
        "each_sender messenger": Rate(300),
        "each_sender messenger/audio,video": Rate(10),
        "pairs whatsapp": Rate(1, per=6.0, burst=45),
    }


def test_published_limits_need_no_store() -> None:
    assert Limits.published().caps == ()


def test_sandbox_allows_one_a_second_and_a_hundred_in_a_month() -> None:
    assert [limit for _, limit in Limits.sandbox().each()] == [Rate(1), Cap(100, per=30 * 86_400.0)]
