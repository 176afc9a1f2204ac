"""
A template becomes the payload of one row: ``{"text": "Hi {name}"}`` and the columns of the row make an API v1 request.

The rules of a placeholder:

1. ``{name}`` stands for the column of that name, and the row must have a value there. ``{name?}`` may be empty:
   inside a text it becomes nothing; alone in its string it leaves the field out (an item of a list becomes ``""``,
   because the others would move up).
2. ``{{`` and ``}}`` are literal braces; a brace alone is an error of the template.
3. Everything between the braces is the name: no attributes, no indices, no formats. What a column holds is put in as
   it is, and never read as a template again.
4. A placeholder alone in its string takes the type of its field: ``"ttl": "{ttl}"`` becomes a whole number, because
   the message class says so. Where the class says nothing (``custom``), a value of JSON Lines keeps its type.

Which file the rows come from is a matter of ``vonage_messages.bulk.rows``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from vonage_messages.bulk.field_types import fitted, type_at, with_implied_type
from vonage_messages.bulk.rows import DECODER, NoJSONError, RowFormat
from vonage_messages.channels.base import join_path
from vonage_messages.errors import ConfigurationError, InvalidMessageError, Problem

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_COLUMN_PATH = re.compile(r"[^.\[\]]+(?:\[[0-9]{1,4}\])*(?:\.[^.\[\]]+(?:\[[0-9]{1,4}\])*)*")
_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_CHOOSING_COLUMN = "message_type"
_DEEPEST = 64

_Columns: TypeAlias = Mapping[str, Any]
_Renderer: TypeAlias = Callable[[_Columns, list[Problem]], Any]


class Template(Protocol):
    """What turns the columns of a row into a request of API v1."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that rows must have, or may have where the placeholder says so, in the order of the template."""

    def render(self, columns: Mapping[str, Any], /) -> dict[str, Any]:
        """
        Make the payload of one row, as a new dictionary.

        Raises:
            InvalidMessageError: a column is missing or empty; all problems are listed, and they name the columns.
        """

    def explained(self, problem: Problem, columns: Mapping[str, Any], /) -> Problem:
        """Add to a problem with the payload of *columns* which column it came from, where one did."""


class _Placeholder(NamedTuple):
    name: str
    optional: bool


_Part: TypeAlias = str | _Placeholder


class _Missing:
    """Stands for a field that is left out."""


_LEFT_OUT = _Missing()


def compile_template(source: Mapping[str, Any] | str | Path) -> Template:
    """
    Compile a template: a decoded object, the text of one (JSON when it begins with ``{``, TOML otherwise), or a path.

    The object is a request of API v1 with placeholders in any of its strings, such as
    ``{"channel": "sms", "from": "Acme", "to": "{phone}", "text": "Hi {name}"}``. ``message_type`` may be left out
    where the content leaves no choice.

    An object ``{"templates": {"text": {…}, "image": {…}}, "column": "message_type"}`` holds several: the value that
    a row has in *column* (``message_type`` where it is not given) says which of them it takes.

    Raises:
        InvalidMessageError: braces without a pair, placeholders without a name; all problems are listed.
        ConfigurationError: there is no such file, or it holds neither a JSON object nor TOML.
    """
    template = _decoded(source)
    problems: list[Problem] = []
    if "templates" in template and "channel" not in template:
        choice = _compiled_choice(template, problems)
        if choice is not None and not problems:
            return choice
    else:
        single = _MessageTemplate(template, "", problems)
        if not problems:
            return single
    raise InvalidMessageError(problems, "template")


def rows_as_payloads(row_format: RowFormat | str) -> Template:
    """
    Give the template of rows that are whole requests of API v1 themselves.

    A row of JSON Lines is taken as it is. The columns of CSV are paths: ``to``, ``from``, ``text``, ``image.url``,
    ``template.parameters[0]``, ``failover[0].to``; an empty cell leaves its field out, and a cell takes the type of
    its field. ``message_type`` may be missing from either where the content leaves no choice.

    Raises:
        ConfigurationError: *row_format* is none.
    """
    try:
        return _OBJECT_ROWS if RowFormat(row_format) is RowFormat.JSONL else _PATH_ROWS
    except ValueError:
        raise ConfigurationError(f"row_format must be one of csv, jsonl, not {row_format!r}") from None


class _MessageTemplate:
    """One request with placeholders."""

    def __init__(self, template: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
        self._columns_by_path: dict[str, tuple[str, ...]] = {}
        if not template:
            problems.append(Problem(path, "must not be empty"))
        elif "channel" not in template:
            problems.append(Problem(join_path(path, "channel"), "is required"))
        known = len(problems)
        self._render = self._compiled_object(template, "", problems, 0)
        problems[known:] = [Problem(join_path(path, each.path), each.message) for each in problems[known:]]
        self.columns = tuple(dict.fromkeys(name for names in self._columns_by_path.values() for name in names))

    def render(self, columns: _Columns) -> dict[str, Any]:
        problems: list[Problem] = []
        payload: dict[str, Any] = self._render(columns, problems)
        if problems:
            raise InvalidMessageError(problems, "row")
        return with_implied_type(payload)

    def explained(self, problem: Problem, columns: _Columns) -> Problem:  # noqa: ARG002  a choice of templates asks
        names = self._columns_by_path.get(problem.path)
        return _from_columns(problem, names) if names else problem

    def _compiled(self, value: object, path: str, problems: list[Problem], depth: int) -> _Renderer | None:
        """Compile a value that changes from row to row; give ``None`` for a scalar that does not."""
        if depth > _DEEPEST:
            problems.append(Problem(path, f"must not nest deeper than {_DEEPEST} levels"))
            return None
        if isinstance(value, str):
            return self._compiled_text(value, path, problems)
        if isinstance(value, Mapping):
            return self._compiled_object(value, path, problems, depth + 1)
        if isinstance(value, list | tuple):
            return self._compiled_list(value, path, problems, depth + 1)
        if value is not None and not isinstance(value, bool | int | float):
            problems.append(Problem(path, f"must be a JSON value, not {type(value).__name__}: put it in quotes"))
        return None

    def _compiled_object(
        self, template: Mapping[str, Any], path: str, problems: list[Problem], depth: int
    ) -> _Renderer:
        constants: dict[str, Any] = {}
        renderers: list[tuple[str, _Renderer]] = []
        for key, value in template.items():
            render = self._compiled(value, join_path(path, str(key)), problems, depth)
            constants[key] = _unescaped(value)
            if render is not None:
                renderers.append((key, render))

        def render_object(columns: _Columns, found: list[Problem]) -> dict[str, Any]:
            rendered = constants.copy()  # keeps the order of the template
            for key, render in renderers:
                value = render(columns, found)
                if value is _LEFT_OUT:
                    del rendered[key]
                else:
                    rendered[key] = value
            return rendered

        return render_object

    def _compiled_list(self, items: Sequence[Any], path: str, problems: list[Problem], depth: int) -> _Renderer:
        constants = [_unescaped(item) for item in items]
        compiled = [self._compiled(item, f"{path}[{index}]", problems, depth) for index, item in enumerate(items)]
        renderers = [(index, render) for index, render in enumerate(compiled) if render is not None]

        def render_list(columns: _Columns, found: list[Problem]) -> list[Any]:
            rendered = constants.copy()
            for index, render in renderers:
                value = render(columns, found)
                rendered[index] = "" if value is _LEFT_OUT else value
            return rendered

        return render_list

    def _compiled_text(self, text: str, path: str, problems: list[Problem]) -> _Renderer | None:
        parts = tuple(_parts(text, path, problems))
        placeholders = [part for part in parts if isinstance(part, _Placeholder)]
        if not placeholders:
            return None
        self._columns_by_path[path] = tuple(dict.fromkeys(each.name for each in placeholders))
        if len(parts) == 1:
            return _alone(placeholders[0], path)
        return _inside_text(parts, path)


def _alone(placeholder: _Placeholder, path: str) -> _Renderer:
    name, optional = placeholder
    wanted = type_at(path)

    def render_alone(columns: _Columns, problems: list[Problem]) -> object:
        value = columns.get(name)
        if value.__class__ is str and not value.isspace() and value:
            return value if wanted is str else fitted(value, wanted)
        if not _is_empty(value):
            return fitted(value, wanted)
        if not optional:
            problems.append(_lacking(name, columns, path))
        return _LEFT_OUT

    return render_alone


def _inside_text(parts: tuple[_Part, ...], path: str) -> _Renderer:
    def render_text(columns: _Columns, problems: list[Problem]) -> str:
        pieces: list[str] = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            name, optional = part
            value = columns.get(name)
            if value.__class__ is str and not value.isspace() and value:
                pieces.append(value)
            elif not _is_empty(value):
                pieces.append(_written(value, name, path, problems))
            elif not optional:
                problems.append(_lacking(name, columns, path))
        return "".join(pieces)

    return render_text


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _written(value: object, name: str, path: str, problems: list[Problem]) -> str:
    """Write a value of JSON Lines into a text, as JSON writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    kind = "an object" if isinstance(value, Mapping) else "a list"
    problems.append(Problem(path, f"cannot take {_column(name)} into a text: it holds {kind}"))
    return ""


def _lacking(name: str, columns: _Columns, path: str) -> Problem:
    if name not in columns:
        return Problem(path, f"needs {_column(name)}, which the row does not have")
    return Problem(path, f"needs {_column(name)}, which is empty")


def _from_columns(problem: Problem, names: Sequence[str]) -> Problem:
    words = " and ".join(_column(name) for name in names)
    return Problem(problem.path, f"{problem.message} (from {words})")


def _column(name: str) -> str:
    return f'the column "{name}"'


def _parts(text: str, path: str, problems: list[Problem]) -> Iterator[_Part]:
    """Split a text into literals and placeholders; literals that touch are one."""
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[1] is not None:
            placeholder = _placeholder(token[1])
            if not placeholder.name:
                problems.append(Problem(path, f"has a placeholder without a name at character {token.start() + 1}"))
                continue
            if literal:
                yield literal
                literal = ""
            yield placeholder
        elif len(token[0]) == 1:
            what = f"has a {token[0]} without its pair at character {token.start() + 1}"
            problems.append(Problem(path, f"{what}: write {token[0] * 2} for the character itself"))
        else:
            literal += token[0][0]
    literal += text[end:]
    if literal:
        yield literal


def _placeholder(inner: str) -> _Placeholder:
    name = inner.strip()
    return _Placeholder(name.removesuffix("?").rstrip(), name.endswith("?"))


def _unescaped(value: object) -> object:
    """Give the value of a string without placeholders; one with them is rendered over."""
    return value.replace("{{", "{").replace("}}", "}") if isinstance(value, str) else value


class _TemplateChoice:
    """Several templates; each row names its own."""

    def __init__(self, column: str, templates: Mapping[str, _MessageTemplate]) -> None:
        self._column = column
        self._templates = templates
        names = (name for template in templates.values() for name in template.columns)
        self.columns = tuple(dict.fromkeys((column, *names)))

    def render(self, columns: _Columns) -> dict[str, Any]:
        chosen = self._chosen(columns)
        if chosen is None:
            raise InvalidMessageError([Problem(self._column, self._why_none(columns))], "row")
        return chosen.render(columns)

    def explained(self, problem: Problem, columns: _Columns) -> Problem:
        chosen = self._chosen(columns)
        return problem if chosen is None else chosen.explained(problem, columns)

    def _chosen(self, columns: _Columns) -> _MessageTemplate | None:
        word = columns.get(self._column)
        return self._templates.get(word.strip()) if isinstance(word, str) else None

    def _why_none(self, columns: _Columns) -> str:
        listed = ", ".join(self._templates)
        if _is_empty(columns.get(self._column)):
            return f"is required: it says which template the row takes, one of {listed}"
        return f"must be one of {listed}: there is no other template"


def _compiled_choice(template: Mapping[str, Any], problems: list[Problem]) -> _TemplateChoice | None:
    column, templates = template.get("column", _CHOOSING_COLUMN), template["templates"]
    problems += [
        Problem(str(key), "has no place beside templates") for key in template if key not in {"templates", "column"}
    ]
    if not isinstance(column, str) or not column:
        problems.append(Problem("column", "must be the name of a column"))
        return None
    if not isinstance(templates, Mapping) or not templates:
        problems.append(Problem("templates", "must be an object of templates by their names, and not empty"))
        return None
    compiled: dict[str, _MessageTemplate] = {}
    for name, each in templates.items():
        path = f"templates.{name}"
        if isinstance(each, Mapping):
            compiled[name] = _MessageTemplate(each, path, problems)
        else:
            problems.append(Problem(path, f"must be an object, not {type(each).__name__}"))
    return _TemplateChoice(column, compiled)


class _ObjectRows:
    """Rows of JSON Lines that are payloads."""

    columns: tuple[str, ...] = ()

    def render(self, columns: _Columns) -> dict[str, Any]:
        payload = dict(columns)
        if payload.get("message_type") is None:
            payload.pop("message_type", None)
        # What is implied is written into the items, too, and those are the caller's.
        items = payload.get("failover")
        if isinstance(items, list):
            payload["failover"] = [dict(item) if isinstance(item, Mapping) else item for item in items]
        return with_implied_type(payload)

    def explained(self, problem: Problem, columns: _Columns) -> Problem:  # noqa: ARG002  the path is the column
        return problem


class _PathRows:
    """Rows of CSV whose columns are the paths of a payload."""

    columns: tuple[str, ...] = ()

    def render(self, columns: _Columns) -> dict[str, Any]:
        payload: dict[str, Any] = {}
        problems: list[Problem] = []
        for (name, value), steps in zip(columns.items(), _all_steps(tuple(columns)), strict=True):
            if steps is None:
                problems.append(Problem(name, "is no path such as text, image.url or failover[0].to"))
            elif not _is_empty(value):
                _put(payload, steps, fitted(value, type_at(name)), name, problems)
        if problems:
            raise InvalidMessageError(problems, "row")
        return with_implied_type(payload)

    def explained(self, problem: Problem, columns: _Columns) -> Problem:  # noqa: ARG002  the path is the column
        return problem


_OBJECT_ROWS = _ObjectRows()
_PATH_ROWS = _PathRows()

_Step: TypeAlias = str | int


@lru_cache(maxsize=16)
def _all_steps(names: tuple[str, ...]) -> tuple[tuple[_Step, ...] | None, ...]:
    """Split the names of all columns, once for a file and not once for each of its rows."""
    return tuple(_steps(name) for name in names)


def _steps(name: str) -> tuple[_Step, ...] | None:
    """Split ``failover[0].to`` into ``("failover", 0, "to")``; give ``None`` where it is no path."""
    if not _COLUMN_PATH.fullmatch(name):
        return None
    return tuple(int(match[1]) if match[1] else match[2] for match in _STEP.finditer(name))


def _put(payload: dict[str, Any], steps: tuple[_Step, ...], value: object, name: str, problems: list[Problem]) -> None:
    """Write *value* at the end of *steps*, building objects and lists on the way."""
    holder: Any = payload
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        why_not = _why_no_place(holder, step)
        if why_not:
            problems.append(Problem(name, why_not))
            return
        if isinstance(step, int) and step == len(holder):
            holder.append(_LEFT_OUT)
        there = holder.get(step, _LEFT_OUT) if isinstance(step, str) else holder[step]
        if there is _LEFT_OUT:
            holder[step] = value if following is None else {} if isinstance(following, str) else []
        elif following is None:
            problems.append(Problem(name, "is filled by another column, too"))
        holder = holder[step]


def _why_no_place(holder: object, step: _Step) -> str:
    if not isinstance(holder, dict if isinstance(step, str) else list):
        return "goes through a field that another column fills"
    if isinstance(holder, list) and isinstance(step, int) and step > len(holder):
        return f"leaves a gap: the list has no item {len(holder)} before it"
    return ""


def _decoded(source: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str):
        return _parsed(source, "the template")
    try:
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror or error}") from None
    return _parsed(text, str(source))


def _parsed(text: str, name: str) -> Mapping[str, Any]:
    """Read JSON where the text begins as an object does, and TOML otherwise: no TOML begins with a brace."""
    begins_as_json = text.lstrip().startswith(("{", '"'))
    try:
        decoded = DECODER.decode(text) if begins_as_json else tomllib.loads(text)
    except NoJSONError as error:
        raise ConfigurationError(f"{name} {error}") from None
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{name} is not valid JSON: {error.msg} (line {error.lineno})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name} is neither a JSON object nor TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deeply") from None
    except ValueError:
        raise ConfigurationError(f"{name} holds a number with more digits than can be read") from None
    if not isinstance(decoded, dict):
        raise ConfigurationError(f"{name} must be one JSON object, not {type(decoded).__name__}")
    return decoded
