"""Members of the documents that ``migrate`` reads, and how it refuses them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vonage_messages.errors import InvalidMessageError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonage_messages.values import JSONObject


def name_in(payload: Mapping[str, Any], side: str) -> str:
    """Give the number or the id of one side of a v0.1 document."""
    party = object_in(payload, side)
    for key in ("number", "id"):
        if isinstance(party.get(key), str):
            return str(party[key])
    raise refused(side, "must have a number or an id")


def number_in(value: object, path: str) -> float:
    """Give the number that a text stands for."""
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever it is, it is refused here
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise refused(path, "must be a number, as a text")
    return number


def carry(payload: Mapping[str, Any], migrated: dict[str, Any], names: Iterable[str]) -> None:
    """Copy the members of these names, where they are there."""
    for name in names:
        if name in payload:
            migrated[name] = payload[name]


def object_in(payload: Mapping[str, Any], name: str, prefix: str = "") -> JSONObject:
    """Give a member that must be an object."""
    value = payload.get(name)
    if not isinstance(value, Mapping):
        raise refused(f"{prefix}{name}", "must be a JSON object in v0.1")
    return value


def text_in(payload: Mapping[str, Any], name: str, prefix: str = "") -> str:
    """Give a member that must be a text."""
    value = payload.get(name)
    if not isinstance(value, str):
        raise refused(f"{prefix}{name}", "must be a text")
    return value


def refused(path: str, why: str) -> InvalidMessageError:
    """Make the error that says what is wrong with a document, and where."""
    return InvalidMessageError([Problem(path, why)], "document")
