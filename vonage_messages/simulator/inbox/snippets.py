"""
"Copy as curl" and "copy as Python": what makes the very same request again.

Credentials are read from the environment, by the names that the client reads, and never written out. This is the one
module of the inbox that knows the client of this package, because it writes a call of it; nothing that it learns there
decides what the simulator accepts.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

import attrs

_WIDTH: Final = 88
_LONGEST_LINE: Final = 60
_INDENT: Final = "    "


def as_curl(payload: Mapping[str, Any], version: str) -> str:
    """Write the request as a command for a POSIX shell; key, secret and address come from the environment."""
    body = json.dumps(payload, ensure_ascii=False, indent=2)
    return "\n".join(
        [
            f'curl -X POST "$VONAGE_BASE_URL/{version}/messages" \\',
            '  -u "$VONAGE_API_KEY:$VONAGE_API_SECRET" \\',
            "  -H 'Content-Type: application/json' \\",
            f"  -d {shlex.quote(body)}",
        ]
    )


def as_python(payload: Mapping[str, Any], version: str) -> str:
    """
    Write a program that sends the message with this package; the client reads its credentials from the environment.

    What the message classes refuse is written as a ``RawMessage``.
    """
    from vonage_messages.wire.payloads import from_payload  # noqa: PLC0415  read when somebody looks at a message

    message = from_payload(payload, "v0.1" if version == "v0.1" else "v1", lenient=True)
    failover = () if _is_raw(message) else tuple(getattr(message, "failover", None) or ())
    names: set[str] = {"Client"}
    arguments = [_call(message, names, without=("failover",) if failover else ())]
    if failover:
        first, *rest = _value(list(failover), names)
        arguments.append([f"failover={first}", *rest])
    if version == "v0.1":
        arguments.append(['api_version="v0.1"'])
    return _PROGRAM.format(imports=_imports(names), arguments=_arguments(arguments))


_PROGRAM: Final = """\
import asyncio

{imports}


async def main() -> None:
    async with Client.from_env() as client:
        sent = await client.send({arguments})
        print(sent.message_uuid)


asyncio.run(main())
"""


def _imports(names: Iterable[str]) -> str:
    listed = sorted(names)
    line = f"from vonage_messages import {', '.join(listed)}"
    if len(line) <= _WIDTH:
        return line
    return "from vonage_messages import (\n" + "".join(f"{_INDENT}{name},\n" for name in listed) + ")"


def _arguments(arguments: list[list[str]]) -> str:
    """Write the arguments of ``send``: on its line where there is but a short one."""
    if len(arguments) == 1 and len(arguments[0]) == 1 and len(arguments[0][0]) <= _WIDTH - 32:
        return arguments[0][0]
    lines = [line for argument in arguments for line in _indented(argument, ",")]
    return "\n" + "".join(f"{_INDENT * 2}{line}\n" for line in lines) + _INDENT * 2


def _is_raw(message: object) -> bool:
    return type(message).__name__ == "RawMessage"


def _call(value: Any, names: set[str], without: tuple[str, ...] = ()) -> list[str]:
    """Write the construction of an attrs value: on one line where it is short, else a line for each argument."""
    name = type(value).__name__
    names.add(name)
    if _is_raw(value):
        return _enclosed(f"{name}(", [_value(value.payload, names)], ")")
    fields = sorted(
        (field for field in attrs.fields(type(value)) if field.init and field.name not in without),
        key=lambda field: _FIRST.get(field.name, len(_FIRST)),
    )
    arguments = []
    for field in fields:
        given = getattr(value, field.name)
        if field.default is attrs.NOTHING or given != field.default:
            first, *rest = _value(given, names)
            arguments.append([f"{field.alias}={first}", *rest])
    return _enclosed(f"{name}(", arguments, ")")


_FIRST: Final = {"to": 0, "from_": 1, "text": 2}


def _value(value: object, names: set[str]) -> list[str]:
    """Write a value as Python."""
    if attrs.has(type(value)):
        return _call(value, names)
    if isinstance(value, Enum):
        return _value(value.value, names)
    if isinstance(value, (datetime, date)):
        return [_quoted(value.isoformat())]
    if isinstance(value, Mapping):
        items = []
        for key, each in value.items():
            first, *rest = _value(each, names)
            items.append([f"{_quoted(str(key))}: {first}", *rest])
        return _enclosed("{", items, "}")
    if isinstance(value, (list, tuple)):
        return _enclosed("[", [_value(each, names) for each in value], "]")
    return [_quoted(value) if isinstance(value, str) else repr(value)]


def _quoted(text: str) -> str:
    """Write a text in the quotes that formatters choose."""
    written = repr(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in text else written


def _enclosed(opening: str, items: list[list[str]], closing: str) -> list[str]:
    line = f"{opening}{', '.join(item[0] for item in items)}{closing}"
    if all(len(item) == 1 for item in items) and len(line) <= _LONGEST_LINE:
        return [line]
    return [opening, *(line for item in items for line in _indented(item, ",")), closing]


def _indented(lines: list[str], end: str) -> Iterator[str]:
    for line in lines[:-1]:
        yield _INDENT + line
    yield _INDENT + lines[-1] + end
