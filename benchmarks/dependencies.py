"""
What users install with this package: you will see each dependency, the version that was tested, and since when.

The list is made without a network: from the metadata of what is installed here, from ``constraints.txt``, and from
git, which knows when a line of it was last changed. It ends with 1 where a dependency is not pinned, or where another
version is installed than the one that is pinned.

It knows of no vulnerability: it tells neither whether one is known in a version that stands here, nor whether a newer
version mends one, nor whether a package is what it says it is. For that ask a database, such as
``pip-audit --requirement constraints.txt``, which needs the network.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent.parent
CONSTRAINTS = FOLDER / "constraints.txt"
OURS = "vonage-messages-async"
EXTRAS = ("cli", "otel", "phone", "plots", "redis", "simulator", "speed", "workers")
_TIMED = re.compile(r"^[0-9a-f^]+ \(.*? (\d+) [+-]\d{4}\s+\d+\) (.*)$")


def pins() -> dict[str, str]:
    """Read which version of what is pinned."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("#")[0].strip().split("==") for line in lines if line.partition("#")[0].strip()]
    return {canonicalize_name(name): version for name, version in pairs}


def since() -> dict[str, str]:
    """Ask git on which day each pin became what it is; nothing where this is no clone."""
    command = ["git", "blame", "--date=raw", "--", CONSTRAINTS.name]
    try:
        told = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True).stdout  # noqa: S603  ours
    except (OSError, subprocess.CalledProcessError):
        return {}
    found = [match for line in told.splitlines() if (match := _TIMED.match(line)) and "==" in match[2]]
    return {
        canonicalize_name(match[2].partition("==")[0]): f"{datetime.fromtimestamp(int(match[1]), UTC):%Y-%m-%d}"
        for match in found
    }


def closure(*extras: str) -> dict[str, str]:
    """Find what the package and these *extras* need, needs of needs too: the name, and what it comes with."""
    found: dict[str, str] = {}
    wanted = [(requirement, "core") for requirement in _needs(OURS, frozenset())]
    wanted += [(requirement, extra) for extra in extras for requirement in _needs(OURS, frozenset({extra}))]
    while wanted:  # ends: each package is looked into once with each set of its extras
        requirement, why = wanted.pop(0)
        name = canonicalize_name(requirement.name)
        key = f"{name}[{','.join(sorted(requirement.extras))}]" if requirement.extras else name
        if key in found or name == OURS:
            continue
        found[key] = why
        wanted += [(need, why) for need in _needs(name, frozenset(requirement.extras))]
    return {key.partition("[")[0]: why for key, why in reversed(found.items())}


def _needs(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Read what an installed package needs here; nothing where it is not installed."""
    if name == OURS:
        return _our_needs(extras)
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    environments = [{"extra": extra} for extra in extras or {""}]
    requirements = [Requirement(line) for line in lines]
    return [
        each
        for each in requirements
        if each.marker is None or any(each.marker.evaluate(environment) for environment in environments)
    ]


def _our_needs(extras: frozenset[str]) -> list[Requirement]:
    """Read what this package needs, or its *extras*, from where it is written: what is installed may be older."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [line for extra in extras for line in project["optional-dependencies"][extra]]
    requirements = [Requirement(line) for line in (lines if extras else project["dependencies"])]
    return [each for each in requirements if each.marker is None or each.marker.evaluate()]


def installed(name: str) -> str | None:
    """Give the version that is installed here."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def loose() -> list[str]:
    """List what is needed and not pinned."""
    pinned = pins()
    return [name for name in closure(*EXTRAS) if name not in pinned]


def differing() -> list[str]:
    """Say where another version is installed than the one that is pinned."""
    here = {name: (installed(name), version) for name, version in pins().items()}
    return [
        f"{name} {is_here}, pinned {version}"
        for name, (is_here, version) in here.items()
        if is_here not in (None, version)
    ]


def main() -> int:
    """Print the list."""
    pinned, days = pins(), since()
    for name, why in sorted(closure(*EXTRAS).items(), key=lambda pair: (pair[1] != "core", pair[1], pair[0])):
        print(f"{why:10} {name:28} {pinned.get(name, '-'):16} since {days.get(name, '?')}")
    print("\nThis list knows of no vulnerability. With a network: pip-audit --requirement constraints.txt")
    faults = [f"not pinned: {name}" for name in loose()] + [f"installed is another: {each}" for each in differing()]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
