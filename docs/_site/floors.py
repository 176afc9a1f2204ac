"""
Draws the floors of the house as import-linter knows them: ``python docs/_site/floors.py`` writes the picture again.

Which module stands on which floor, and which of them wait for nothing, is read from ``pyproject.toml`` alone, so that
the picture shows what is enforced.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "floors.svg"
WIDTH, HEIGHT, GAP, MARGIN = 920, 34, 8, 16
LEGEND = "waits for nothing: no files, no sockets, no clock"
STYLE = """
.ground { fill: #f8f9fb } .box { fill: #ffffff; stroke: #8a94a6 } .pure { fill: #e3efff; stroke: #3b6fd4 }
text { font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #1c2330; text-anchor: middle }
.remark { font-family: system-ui, sans-serif; text-anchor: start }
@media (prefers-color-scheme: dark) {
  .ground { fill: #1a1c1e } .box { fill: #25282c; stroke: #6b7482 } .pure { fill: #1d3152; stroke: #6f9cf0 }
  text { fill: #e6e9ee }
}
"""


class House(NamedTuple):
    """What the contracts say."""

    floors: list[list[str]]
    """The modules of each floor, the highest floor first."""

    pure: set[str]
    """Modules that wait for nothing: no input or output, no clock, no asyncio."""


def house() -> House:
    """Read the contracts."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["name"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}
    layers = contracts["A floor imports lower floors only"]["layers"]
    pure = contracts["Knowledge of the API waits for nothing"]["source_modules"]
    return House(
        [[name.strip().removeprefix("vonage_messages.") for name in layer.split("|")] for layer in layers],
        {name.removeprefix("vonage_messages.") for name in pure},
    )


def drawn(known: House) -> str:
    """Draw each floor as a row of boxes."""
    height = 2 * MARGIN + (len(known.floors) + 1) * (HEIGHT + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        "<title>The floors of the package, the lowest below</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for row, names in enumerate(known.floors):
        lines += _row(names, MARGIN + row * (HEIGHT + GAP), known.pure)
    top = MARGIN + len(known.floors) * (HEIGHT + GAP)
    lines += [
        f'<rect class="pure" x="{MARGIN}" y="{top + 8}" width="18" height="18" rx="3"/>',
        f'<text class="remark" x="{MARGIN + 28}" y="{top + 22}">{LEGEND}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _row(names: list[str], top: int, pure: set[str]) -> list[str]:
    width = (WIDTH - 2 * MARGIN - (len(names) - 1) * GAP) / len(names)
    lines = []
    for place, name in enumerate(names):
        left = MARGIN + place * (width + GAP)
        kind = "pure" if name in pure else "box"
        lines.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" rx="5"/>'
            f'<text x="{left + width / 2:.1f}" y="{top + 22}">{escape(name)}</text>'
        )
    return lines


if __name__ == "__main__":
    PICTURE.write_text(drawn(house()), encoding="utf-8")
