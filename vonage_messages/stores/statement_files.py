"""SQL that stands in the files of a package: statements, many in one file, and the migrations of a schema."""

from __future__ import annotations

import functools
import re
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@functools.cache
def named_statements(package: str) -> Mapping[str, str]:
    """
    Read every file of the folder ``sql`` of *package*, and give its statements by their names.

    A statement stands under a line such as ``-- name: claim`` and ends before the next one, or with the file.

    Raises:
        ValueError: a name is there twice, or a file begins with something else than a name.
    """
    found: dict[str, str] = {}
    for file in resources.files(package).joinpath("sql").iterdir():
        before, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        names, statements = parts[::2], parts[1::2]
        if before or len({*found, *names}) < len(found) + len(names):
            raise ValueError(f"{file.name} of {package} must name each of its statements, and by a name of its own")
        found.update(zip(names, map(str.strip, statements), strict=True))
    return MappingProxyType(found)


@functools.cache
def migrations(package: str) -> tuple[str, ...]:
    """Read the scripts of the folder ``migrations`` of *package* in their order: the first leads to version 1."""
    found = sorted((file.name, file) for file in resources.files(package).joinpath("migrations").iterdir())
    return tuple(file.read_text(encoding="utf-8") for name, file in found if name.endswith(".sql"))
