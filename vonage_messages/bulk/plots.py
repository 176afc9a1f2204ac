"""
Two pictures of a campaign: how many rows were finished each second, and how long the platform took to answer.

They are drawn by matplotlib (extra ``[plots]``), which is not loaded before a picture is asked for. The numbers come
from the outbox: ``finished_rows`` reads the one, ``bulk.latencies`` keeps the other.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from vonage_messages.bulk.latencies import LatencyBucket
from vonage_messages.errors import ConfigurationError, MissingExtraError
from vonage_messages.ledger import LedgerStore, State
from vonage_messages.values import Seconds

_MOST_BARS: Final = 240
_WIDTHS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""Seconds for which the rate is a mean, whichever first needs no more than ``_MOST_BARS``."""

_INSTALL: Final = "pip install 'vonage-messages-async[plots]'"
_SIZE: Final = (8.0, 4.5)  # inches
_COLOURS: Final = {"accepted": "#2a7f62", "failed": "#b3382c"}
_LATENCY_COLOUR: Final = "#3b5b92"


@attrs.frozen(kw_only=True)
class RateBar:
    """How many rows were finished in a span of time, by how they ended."""

    begin: datetime
    width: Seconds
    accepted: int
    failed: int


async def finished_rows(store: LedgerStore) -> tuple[RateBar, ...]:
    """Count the rows that were accepted, and those that failed, over time; empty where there are none."""
    accepted: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    async for row in store.rows(State.ACCEPTED, State.FAILED):
        (accepted if row.state is State.ACCEPTED else failed)[int(row.updated)] += 1
    seconds = accepted.keys() | failed.keys()
    if not seconds:
        return ()
    first, last = min(seconds), max(seconds)
    width = next((each for each in _WIDTHS if (last - first) // each < _MOST_BARS), (last - first) // _MOST_BARS + 1)
    accepted_bars, failed_bars = _binned(accepted, first, width), _binned(failed, first, width)
    return tuple(
        RateBar(
            begin=datetime.fromtimestamp(begin, UTC),
            width=float(width),
            accepted=accepted_bars[number],
            failed=failed_bars[number],
        )
        for number, begin in enumerate(range(first, last + 1, width))
    )


def write_plots(
    folder: Path, rates: Sequence[RateBar], latencies: Sequence[LatencyBucket], *, image_format: str = "svg"
) -> tuple[Path, ...]:
    """
    Draw ``rate.svg`` and ``latency.svg`` into *folder*, which is made; *image_format* is ``svg`` or ``png``.

    A picture without numbers is not drawn. Gives the paths of those that were.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ConfigurationError: *folder* cannot be written.
    """
    figure_class = _figure_class()
    drawn = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if rates:
            drawn.append(folder / f"rate.{image_format}")
            _draw_rates(figure_class(figsize=_SIZE, layout="constrained"), rates, drawn[-1])
        if latencies:
            drawn.append(folder / f"latency.{image_format}")
            _draw_latencies(figure_class(figsize=_SIZE, layout="constrained"), latencies, drawn[-1])
    except OSError as error:
        raise ConfigurationError(f"the plots cannot be written to {folder}: {error.strerror or error}.") from error
    return tuple(drawn)


def _figure_class() -> Any:
    """
    Import matplotlib without its windows: a figure alone draws to a file.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError(f"Plots need matplotlib: {_INSTALL}") from error


def _draw_rates(figure: Any, rates: Sequence[RateBar], path: Path) -> None:
    axes = figure.add_subplot()
    # One point more, so that the last step has a width.
    moments = [bar.begin.timestamp() for bar in rates] + [rates[-1].begin.timestamp() + rates[-1].width]
    begins = [datetime.fromtimestamp(moment, UTC) for moment in moments]
    for name in ("accepted", "failed"):
        heights = [getattr(bar, name) / bar.width for bar in rates]
        if any(heights):
            axes.fill_between(begins, [*heights, heights[-1]], step="post", alpha=0.6, color=_COLOURS[name], label=name)
    axes.set_title("Messages finished")
    axes.set_xlabel("time (UTC)")
    axes.set_ylabel("each second" if rates[0].width == 1 else f"each second, mean of {rates[0].width:g} s")
    axes.set_ylim(bottom=0)
    axes.legend()
    dates = importlib.import_module("matplotlib.dates")
    locator = dates.AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
    _save(figure, path)


def _draw_latencies(figure: Any, latencies: Sequence[LatencyBucket], path: Path) -> None:
    axes = figure.add_subplot()
    edges = [bucket.begin * 1000 for bucket in latencies] + [latencies[-1].end * 1000]
    axes.stairs([bucket.answers for bucket in latencies], edges, fill=True, color=_LATENCY_COLOUR, alpha=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title(f"Answers of the platform: {sum(bucket.answers for bucket in latencies):,}")
    axes.set_xlabel("time to the answer (ms)")
    axes.set_ylabel("requests")
    axes.set_ylim(bottom=0)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    metadata: Mapping[str, str | None] = {"Date": None} if path.suffix == ".svg" else {}
    figure.savefig(path, metadata=metadata, dpi=150)


def _binned(counted: Counter[int], first: int, width: int) -> Counter[int]:
    """Count by bars of *width* seconds, of which number 0 begins at *first*."""
    bars: Counter[int] = Counter()
    for second, number in counted.items():
        bars[(second - first) // width] += number
    return bars
