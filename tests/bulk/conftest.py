"""A campaign of numbered rows, on a real file and a real outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from vonage_messages.bulk.campaign import Campaign
from vonage_messages.bulk.screening import Screen
from vonage_messages.bulk.source import source_at
from vonage_messages.bulk.template import compile_template
from vonage_messages.sending.outbox import Outbox

CampaignOf = Callable[..., Campaign]

TEMPLATE = {"channel": "sms", "from": "Acme", "to": "{to}", "text": "{text}"}


@pytest.fixture
def campaign_of(tmp_path: Path) -> CampaignOf:
    """Write lines of ``to,text`` below their header, and make a campaign of them."""

    def make(
        *lines: str,
        screen: Screen | None = None,
        send_duplicates: bool = False,
        template: dict[str, object] | None = None,
    ) -> Campaign:
        path = tmp_path / "people.csv"
        path.write_text("to,text\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
        return Campaign(
            source=source_at(path),
            template=compile_template(template or TEMPLATE),
            id="spring",
            screen=screen or Screen(),
            send_duplicates=send_duplicates,
        )

    return make


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    """Open a new outbox."""
    async with Outbox.open(tmp_path / "people.outbox") as opened:
        yield opened
