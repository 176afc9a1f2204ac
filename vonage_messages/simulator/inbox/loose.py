"""Reading JSON that may be anything: what is not what it should be is empty, and nothing is raised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

_LONGEST_NAME = 80


def as_object(value: object) -> Mapping[str, Any]:
    """Give *value* where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """Give *value* where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Give a text or a number as text; everything else is empty."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value)


def pretty(value: object) -> str:
    """Write JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def file_name(url: str) -> str:
    """Give the name of the file in *url*: the last part of its path."""
    try:
        name = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:
        return ""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
