"""
What every regular expression of the package costs on hostile texts: you will see the slowest, and how their time grows.

Each is tried, as the package uses it (searched, or matched as a whole), on texts of repeated pieces that are made to
send it back and forth, of 2,000 and of 8,000 characters. A time that grows fourfold with the text is linear; one that
grows sixteenfold is quadratic, and marked where it takes more than a few milliseconds. What would take exponential time
does not end here.

The test ``tests/test_expressions.py`` looks at the form of each expression instead, and at no clock.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import pkgutil
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vonage_messages

SIZES = (2_000, 8_000)
QUADRATIC = 10.0
"""How much longer four times the text takes, from where on it is called quadratic."""
WORTH_MARKING = 0.005
"""In seconds: what is faster is noise."""
SHOWN = 12
PIECES = (
    *("a", "0", " ", "\t", "-", ".", "(", "( ", "()", "(0", "( 0 ", '"', '""', "\\", '\\"', "{", "{{", "{a", "["),
    "[0]",
    *("a.", "a[0]", "a@", "@", ":", "0:", "from:", " from:", " #", "\n", "=", "+", "\u00e9", "\ud800", "\U0001f600"),
    *("\U0001f600\u200d", "https://", "&", "_", "0.", "1e", "{{ ", '"access_token": "', "2026-01-01T00:00:00", "sep="),
    *("\u00a0", "A"),
)
BEFORE = ("", "a@", '"', "(", "{")
BEHIND = ("", "\x00")
BOUNDED = {"vonage_messages.webhooks.reading._ZONE_NAME": 64, "vonage_messages.webhooks.reading._SPACED_OFFSET": 64}
"""Expressions that are given no more characters than this, whatever comes: quadratic, and fast all the same."""
SEARCHES = "search|sub|subn|finditer|findall|split"


@functools.cache
def expressions() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Find the compiled expressions of all modules, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(vonage_messages.__path__, "vonage_messages."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern) and value not in found.values():
                found[f"{module.name}.{name}"] = value
    return found


def searched() -> set[str]:
    """Find the expressions that are looked for within a text, and not matched as a whole, by module and name."""
    use = re.compile(rf"\b([A-Z_][A-Z0-9_]*)\.(?:{SEARCHES})\(")
    folder = Path(vonage_messages.__file__).parent
    return {
        f"{'.'.join(file.relative_to(folder.parent).with_suffix('').parts)}.{name}"
        for file in folder.rglob("*.py")
        for name in use.findall(file.read_text(encoding="utf-8"))
    }


def slowest(pattern: re.Pattern[str] | re.Pattern[bytes], size: int, *, search: bool) -> tuple[float, str]:
    """Find the text of about *size* characters that takes the longest, and its seconds; the better of two tries."""
    worst = (0.0, "")
    for before, piece, behind in itertools.product(BEFORE, PIECES, BEHIND):
        text = before + piece * (size // len(piece)) + behind
        subject = text if isinstance(pattern.pattern, str) else text.encode("utf-8", "surrogatepass")
        match = pattern.search if search else pattern.fullmatch
        taken = min(timed(match, subject) for _ in range(2))
        worst = max(worst, (taken, piece))
    return worst


def timed(match: Callable[[Any], object], subject: str | bytes) -> float:
    """Give the seconds of processor time that one match takes."""
    begun = time.process_time()
    match(subject)
    return time.process_time() - begun


def main() -> int:
    """Time all, and say which are quadratic."""
    within, rows = searched(), []
    for name, pattern in expressions().items():
        is_searched = name in within
        sizes = [min(size, BOUNDED.get(name, size)) for size in SIZES]
        small, large = (slowest(pattern, size, search=is_searched) for size in sizes)
        growth = large[0] / small[0] if small[0] else 0.0
        rows.append((large[0], growth, name, "searched" if is_searched else "whole", large[1]))
    rows.sort(reverse=True)
    for seconds, growth, name, how, piece in rows[:SHOWN]:
        print(f"{seconds * 1000:9.2f} ms  x{growth:5.1f}  {how:8}  {name}  {piece!a}")
    bad = [row for row in rows if row[0] > WORTH_MARKING and row[1] > QUADRATIC]
    print(f"{len(rows)} expressions, {len(bad)} of them quadratic: {', '.join(row[2] for row in bad) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
