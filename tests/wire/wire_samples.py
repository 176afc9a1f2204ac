"""The samples and the message classes, of which every one is looked at; and the paths of what is refused."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import AnyMessage, BaseMessage, InvalidMessageError, Message, RawMessage, to_payload
from vonage_messages.wire.payloads import ApiVersion

SAMPLES = Path(__file__).parents[1] / "samples"
VERSIONS: tuple[ApiVersion, ...] = ("v1", "v0.1")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def requests(version: str) -> list[tuple[ApiVersion, Path]]:
    return [
        (typing.cast("ApiVersion", version), path) for path in sorted((SAMPLES / version / "requests").glob("*.json"))
    ]


def refused(version: str) -> list[tuple[str, str, str]]:
    reasons = read(SAMPLES / version / "refused" / "REASONS.json")
    return [(version, name, path) for name, path in reasons.items()]


REQUESTS = [*requests("v1"), *requests("v0.1")]
REQUEST_NAMES = [f"{version}-{path.stem}" for version, path in REQUESTS]
REFUSED = [*refused("v1"), *refused("v0.1")]
REFUSED_NAMES = [f"{version}-{name.removesuffix('.json')}" for version, name, _ in REFUSED]

CLASSES: list[type[BaseMessage]] = [cls for cls in typing.get_args(AnyMessage) if cls is not RawMessage]
CLASS_NAMES = [cls.__name__ for cls in CLASSES]


def paths_of(error: InvalidMessageError) -> list[str]:
    return [problem.path for problem in error.problems]


def refused_paths(message: Message, version: ApiVersion = "v0.1") -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        to_payload(message, version)
    return paths_of(caught.value)


def texts_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from texts_in(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each, key)
    elif isinstance(value, str):
        yield key, value


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every (key or index, container) below a value, the deepest last."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(children):
        yield key, value
        yield from nodes(each)
