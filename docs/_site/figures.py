"""
Draws the table of sending in ``performance.md``: ``PYTHONPATH=docs python docs/_site/figures.py`` writes it again.

A bar is the throughput of a row beside aiohttp by hand, a thin line the spread of its rounds, where there were several.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.sax.saxutils import escape

from _site.names import DOCS

PAGE = DOCS / "performance.md"
PICTURE = DOCS / "images" / "sending.svg"
ROW = re.compile(r"^\| ([^|]+) \| (\d+\.\d+)(?: \((\d+\.\d+) to (\d+\.\d+)\))?", re.MULTILINE)
WIDTH, HEIGHT, MARGIN, TEXT = 960, 30, 16, 480
MOST = 2.75
STYLE = """
.ground { fill: #f8f9fb } .bar { fill: #3b6fd4 } .peer { fill: #8a94a6 } .spread, .one { stroke: #1c2330 }
.one { stroke-dasharray: 4 4 }
text { font: 14px system-ui, sans-serif; fill: #1c2330 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #1a1c1e } .bar { fill: #6f9cf0 } .peer { fill: #6b7482 } .spread, .one { stroke: #e6e9ee }
  text { fill: #e6e9ee }
}
"""
PEERS = ("aiohttp", "twilio", "official", "httpx")


class Row(NamedTuple):
    """One row of the table."""

    name: str
    throughput: float
    least: float
    greatest: float


def rows(page: str) -> list[Row]:
    """Read the first table that compares throughputs."""
    table = page[page.index("| | throughput | CPU for a message |") :].partition("\n\n")[0]
    return [
        Row(name.strip().replace("`", ""), float(middle), float(least or middle), float(greatest or middle))
        for name, middle, least, greatest in ROW.findall(table)
    ]


def drawn(found: list[Row]) -> str:
    """Draw a bar for each row."""
    height = 2 * MARGIN + (len(found) + 1) * HEIGHT

    def across(ratio: float) -> float:
        return round(TEXT + (WIDTH - TEXT - MARGIN - 60) * min(ratio, MOST) / MOST, 1)

    one = across(1.0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        "<title>Throughput beside aiohttp by hand</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text x="{one}" y="{MARGIN + 14}" text-anchor="middle">aiohttp by hand = 1</text>',
        f'<line class="one" x1="{one}" x2="{one}" y1="{MARGIN + 22}" y2="{height - MARGIN}"/>',
    ]
    for number, row in enumerate(found, start=1):
        top = MARGIN + number * HEIGHT
        kind = "peer" if row.name.startswith(PEERS) else "bar"
        lines.append(f'<text x="{TEXT - 10}" y="{top + 18}" text-anchor="end">{escape(row.name)}</text>')
        lines.append(
            f'<rect class="{kind}" x="{TEXT}" y="{top + 5}" width="{across(row.throughput) - TEXT:.1f}" height="18"/>'
        )
        if row.least < row.greatest:
            ends = f'x1="{across(row.least)}" x2="{across(row.greatest)}"'
            lines.append(f'<line class="spread" {ends} y1="{top + 14}" y2="{top + 14}"/>')
        end = max(across(row.greatest), across(row.throughput))
        lines.append(f'<text x="{end + 6}" y="{top + 19}">{row.throughput:.2f}</text>')
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawn(rows(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
