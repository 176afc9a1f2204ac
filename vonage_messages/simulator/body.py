"""
The bytes of a request body, read as strictly as JSON is written (RFC 8259). Pure.

Python's decoder is generous where another platform's is not: it takes ``NaN`` and ``Infinity``, keeps the last of two
equal keys, reads UTF-16, turns ``1e999`` into infinity and lets half a surrogate pair through. A client that relied on
any of that would fail against the real API, so each is refused here.
"""

from __future__ import annotations

import json
import math
from typing import Any

_DEEPEST = 100
"""Levels of nesting. The reference sets no bound; the deepest documented payload has about a dozen."""


class InvalidBodyError(ValueError):
    """A body that is not one JSON object; its text is a sentence without any value of the body."""


def decode_object(body: bytes) -> dict[str, Any]:
    """
    Decode the one JSON object that *body* holds.

    Raises:
        InvalidBodyError: *body* is not UTF-8, not JSON, not an object, nested deeper than 100 levels, or has a key
            twice, a number beyond double precision, or half a surrogate pair.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidBodyError(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    value = _decode(text)
    if not isinstance(value, dict):
        raise InvalidBodyError("The body must be a JSON object.")
    _check_depth(value)
    _check_text(value, text)
    return value


def _decode(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite_float)
    except InvalidBodyError:
        raise
    except json.JSONDecodeError as error:
        raise InvalidBodyError(f"{error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise InvalidBodyError(_TOO_DEEP) from None
    except ValueError:
        # int() refuses literals of more than some thousand digits.
        raise InvalidBodyError("A number of the body has too many digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidBodyError("An object of the body has the same key twice.")
    return value


def _refuse_constant(name: str) -> Any:
    raise InvalidBodyError(f"{name} is not JSON.")


def _finite_float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise InvalidBodyError("A number of the body is too large.")
    return value


def _check_depth(value: dict[str, Any]) -> None:
    """Walk level by level: recursion is what deep nesting would break."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise InvalidBodyError(_TOO_DEEP)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_text(value: dict[str, Any], text: str) -> None:
    # Only an escape can smuggle half a pair in: UTF-8 itself cannot encode one.
    if "\\u" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidBodyError("A string of the body has half a surrogate pair.") from None


_TOO_DEEP = f"The body is nested deeper than {_DEEPEST} levels."
