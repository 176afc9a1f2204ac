"""One emoji may be many code points; the simulator and the classes must count alike."""

from __future__ import annotations

import pytest

from vonage_messages import InvalidMessageError
from vonage_messages.channels.whatsapp import WhatsappReactionResource
from vonage_messages.simulator.forms import form_reason

ONE = ["😀", "❤", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇬🇧", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "#⃣", "©️", "™", "✅", "🫡", "↔️", "‼️"]
NOT_ONE = ["", "a", "1", "ok", "😀😀", "👍 ", "🇬🇧🇫🇷", "🇬", "👍👍🏽", "‍", "️", "😀‍", "12⃣", "\n"]


@pytest.mark.each("emoji", ONE, ids=ascii)
def test_one_emoji_is_accepted_on_both_sides(emoji: str) -> None:
    assert form_reason("one-emoji", emoji) is None
    assert WhatsappReactionResource(action="react", emoji=emoji).emoji == emoji


@pytest.mark.each("text", NOT_ONE, ids=ascii)
def test_anything_else_is_refused_on_both_sides(text: str) -> None:
    assert form_reason("one-emoji", text) is not None
    with pytest.raises(InvalidMessageError):
        WhatsappReactionResource(action="react", emoji=text)
