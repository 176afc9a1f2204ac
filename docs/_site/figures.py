"""
Draws tables of ``performance.md`` as bars: ``PYTHONPATH=docs python docs/_site/figures.py`` writes them again.

Where a table has a spread, a thin line shows it; where it has something to compare with, a dashed line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from _site.names import DOCS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "performance.md"
IMAGES = DOCS / "images"
NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
ROW = re.compile(rf"^\| ([^|]+) \| {NUMBER}(?: \({NUMBER} to {NUMBER}\))?", re.MULTILINE)
WIDTH, HEIGHT, MARGIN, TEXT, ENDS = 960, 30, 16, 480, 60
STYLE = """
.ground { fill: #f8f9fb } .bar { fill: #3b6fd4 } .peer { fill: #8a94a6 } .spread, .one { stroke: #1c2330 }
.one { stroke-dasharray: 4 4 }
text { font: 14px system-ui, sans-serif; fill: #1c2330 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #1a1c1e } .bar { fill: #6f9cf0 } .peer { fill: #6b7482 } .spread, .one { stroke: #e6e9ee }
  text { fill: #e6e9ee }
}
"""
PEERS = ("aiohttp", "twilio", "official", "httpx", "json.loads", "pydantic", "msgspec")


class Row(NamedTuple):
    """One row of a table: its name and its first column of numbers."""

    name: str
    shown: str
    value: float
    least: float
    greatest: float


class Chart(NamedTuple):
    """A table, and what is drawn of it."""

    picture: str
    title: str
    table: str
    """How its first line begins."""
    most: float
    """What fills the width."""
    beside: float | None = None
    """Where the dashed line stands."""
    row: str = "{}"
    """How the name of a row is told."""

    @property
    def path(self) -> Path:
        """The picture."""
        return IMAGES / self.picture


CHARTS = (
    Chart("sending.svg", "aiohttp by hand = 1", "| | throughput | CPU for a message |", 1.5, 1.0),
    Chart("webhooks.svg", "µs for a WhatsApp text of 654 bytes", "| | WhatsApp text, 654 bytes |", 26.0),
    Chart("workers.svg", "messages a second", "| workers | messages a second |", 1000.0, row="workers: {}"),
)


def rows(page: str, chart: Chart) -> list[Row]:
    """Read the first table that begins so."""
    table = page[page.index(chart.table) :].partition("\n\n")[0]
    return [
        Row(chart.row.format(name.strip().replace("`", "")), value, *map(_number, (value, least, greatest)))
        for name, value, least, greatest in (
            (name, value, least or value, greatest or value) for name, value, least, greatest in ROW.findall(table)
        )
    ]


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def drawn(chart: Chart, found: list[Row]) -> str:
    """Draw a bar for each row."""
    height = 2 * MARGIN + (len(found) + 1) * HEIGHT

    def across(value: float) -> float:
        return round(TEXT + (WIDTH - TEXT - MARGIN - ENDS) * min(value, chart.most) / chart.most, 1)

    heading = TEXT if chart.beside is None else across(chart.beside)
    anchor = "start" if chart.beside is None else "middle"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>{escape(chart.title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text x="{heading}" y="{MARGIN + 14}" text-anchor="{anchor}">{escape(chart.title)}</text>',
    ]
    if chart.beside is not None:
        ends = f'x1="{heading}" x2="{heading}" y1="{MARGIN + 22}" y2="{height - MARGIN}"'
        lines.append(f'<line class="one" {ends}/>')
    for number, row in enumerate(found, start=1):
        lines += _bar(row, MARGIN + number * HEIGHT, across(row.value), across(row.least), across(row.greatest))
    return "\n".join([*lines, "</svg>", ""])


def _bar(row: Row, top: int, value: float, least: float, greatest: float) -> list[str]:
    kind = "peer" if row.name.startswith(PEERS) else "bar"
    lines = [
        f'<text x="{TEXT - 10}" y="{top + 18}" text-anchor="end">{escape(row.name)}</text>',
        f'<rect class="{kind}" x="{TEXT}" y="{top + 5}" width="{value - TEXT:.1f}" height="18"/>',
    ]
    if least < greatest:
        lines.append(f'<line class="spread" x1="{least}" x2="{greatest}" y1="{top + 14}" y2="{top + 14}"/>')
    return [*lines, f'<text x="{max(value, greatest) + 6}" y="{top + 19}">{row.shown}</text>']


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for each in CHARTS:
        each.path.write_text(drawn(each, rows(text, each)), encoding="utf-8")
