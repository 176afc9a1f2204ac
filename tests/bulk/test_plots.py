"""Pictures of a campaign, drawn by matplotlib; and what is said where that is missing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from vonage_messages import ConfigurationError, Sms
from vonage_messages.bulk.latencies import LatencyBucket
from vonage_messages.bulk.plots import RateBar, finished_rows, write_plots
from vonage_messages.errors import MissingExtraError
from vonage_messages.ledger import Event, Outcome
from vonage_messages.sending.outbox import Outbox

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RATES = (
    RateBar(begin=BEGIN, width=1.0, accepted=30, failed=0),
    RateBar(begin=BEGIN.replace(second=1), width=1.0, accepted=28, failed=2),
)
LATENCIES = (LatencyBucket(begin=0.1, end=0.126, answers=50), LatencyBucket(begin=0.126, end=0.158, answers=10))


async def finish(outbox: Outbox, *ends: tuple[float, Event]) -> None:
    """Let messages end at these times."""
    messages = [Sms(to="447700900000", from_="Acme", text=f"{number}") for number in range(len(ends))]
    await outbox.add(messages, key=lambda message: message.text)
    rows = await outbox.store.claim("run", count=len(ends), lease_until=1e12, now=0.0)
    await outbox.store.mark_sending([row.id for row in rows], owner="run", now=0.0)
    for row, (now, event) in zip(rows, ends, strict=True):
        await outbox.store.record([Outcome(id=row.id, owner="run", attempt=1, event=event)], now=now)


async def test_finished_rows_are_counted_over_time(outbox: Outbox) -> None:
    first = BEGIN.timestamp()
    await finish(outbox, (first + 0.2, Event.ACCEPT), (first + 0.9, Event.REFUSE), (first + 2, Event.ACCEPT))
    bars = await finished_rows(outbox.store)
    assert [(bar.accepted, bar.failed, bar.width) for bar in bars] == [(1, 1, 1.0), (0, 0, 1.0), (1, 0, 1.0)]
    assert bars[0].begin == BEGIN


@pytest.mark.parametrize("days", [1, 400])
async def test_long_campaign_has_wide_bars_and_loses_no_row(outbox: Outbox, days: int) -> None:
    first = BEGIN.timestamp()
    await finish(outbox, (first, Event.ACCEPT), (first + days * 86_400, Event.ACCEPT), (first + 5000, Event.REFUSE))
    bars = await finished_rows(outbox.store)
    assert len(bars) <= 241
    assert (sum(bar.accepted for bar in bars), sum(bar.failed for bar in bars)) == (2, 1)


async def test_outbox_in_which_nothing_has_ended_has_no_rate(outbox: Outbox) -> None:
    assert await finished_rows(outbox.store) == ()


def test_both_pictures_are_drawn_as_svg(tmp_path: Path) -> None:
    folder = tmp_path / "plots" / "spring"
    drawn = write_plots(folder, RATES, LATENCIES)
    assert drawn == (folder / "rate.svg", folder / "latency.svg")
    for path in drawn:
        root = ET.parse(path).getroot()  # noqa: S314  our own picture
        assert root.tag.endswith("svg")
        assert len(list(root.iter())) > 50


def test_both_pictures_are_drawn_as_png(tmp_path: Path) -> None:
    for path in write_plots(tmp_path, RATES, LATENCIES, image_format="png"):
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert len(content) > 5_000


def test_picture_without_numbers_is_not_drawn(tmp_path: Path) -> None:
    assert write_plots(tmp_path, (), LATENCIES) == (tmp_path / "latency.svg",)
    assert write_plots(tmp_path, RATES, ()) == (tmp_path / "rate.svg",)


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"the plots cannot be written to .*plots: "):
        write_plots(tmp_path / "plots", RATES, LATENCIES)


def test_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    with pytest.raises(MissingExtraError, match=r"Plots need matplotlib: pip install 'vonage-messages-async\[plots\]'"):
        write_plots(tmp_path, RATES, LATENCIES)
