"""The public face: names, laziness, docstrings, and what the package must never contain."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vonage_messages
from vonage_messages import BaseMessage, Message, RawMessage
from vonage_messages.channels.base import Value

PACKAGE = Path(vonage_messages.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MODULE_NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]
NAMES = sorted(vonage_messages.__all__)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def run(program: str, *options: str) -> str:
    command = [sys.executable, *options, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout  # noqa: S603  our own interpreter


# Names ----------------------------------------------------------------------------------------------------------


def test_all_is_sorted_and_names_nothing_twice() -> None:
    assert list(vonage_messages.__all__) == NAMES
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.each("name", NAMES)
def test_public_name_is_importable(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from vonage_messages import {name}", namespace)  # noqa: S102  what a user would type
    assert namespace[name] is getattr(vonage_messages, name)


def test_every_public_name_is_listed_by_dir() -> None:
    assert {*NAMES} <= {*dir(vonage_messages)}
    assert dir(vonage_messages) == sorted(dir(vonage_messages))


@pytest.mark.parametrize("name", ["Fax", "_Sms", "sms", "__wrapped__"])
def test_unknown_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'vonage_messages' has no attribute '{name}'"):
        getattr(vonage_messages, name)


def names_for_type_checkers() -> dict[str, set[str]]:
    """Read the imports that stand under ``if TYPE_CHECKING``."""
    found: dict[str, set[str]] = {}
    for node in parsed(PACKAGE / "__init__.py").body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for each in node.body:
                if isinstance(each, ast.ImportFrom):
                    module = (each.module or "").removeprefix("vonage_messages.")
                    found.setdefault(module, set()).update(alias.asname or alias.name for alias in each.names)
    return found


def test_type_checkers_and_the_interpreter_see_the_same_names_in_the_same_homes() -> None:
    homes = {module: set(names.split()) for module, names in vonage_messages._HOMES.items()}
    assert names_for_type_checkers() == homes
    assert {name for names in homes.values() for name in names} | {"__version__"} == set(NAMES)


def test_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:\.dev\d+|(?:a|b|rc)\d+)?", vonage_messages.__version__)


# Optimised ------------------------------------------------------------------------------------------------------


def test_rules_hold_without_assert_statements() -> None:
    program = (
        "from vonage_messages import InvalidMessageError, Sms, from_payload, to_payload\n"
        "message = Sms(to='447700900000', from_='Acme', text='Hello')\n"
        "print(from_payload(to_payload(message)) == message)\n"
        "try:\n"
        "    Sms(to='Ada', from_='', text='')\n"
        "except InvalidMessageError as error:\n"
        "    print(len(error.problems), __debug__)"
    )
    assert run(program, "-O").split() == ["True", "3", "False"]


# What the package holds -----------------------------------------------------------------------------------------


@pytest.mark.each("path", MODULES, ids=MODULE_NAMES)
def test_module_has_no_assert_statement(path: Path) -> None:
    assert [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Assert)] == []


def test_no_module_is_named_as_one_of_the_official_package() -> None:
    taken = {"messages.py", "models", "responses.py", "_version.py"}
    assert {path.name for path in PACKAGE.iterdir()} & taken == set()


def test_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def public_definitions(path: Path) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module]:
    found: list[Any] = []
    waiting: list[Any] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        found.append(node)
        for each in node.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            definition = isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if definition and not each.name.startswith("_") and not _is_overload(each):
                waiting.append(each)
    return found


def _is_overload(node: Any) -> bool:
    """Tell what carries no docstring of its own: an overload, and the setter of a documented property."""
    written = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    return bool(written & {"overload", "setter"})


@pytest.mark.each("path", MODULES, ids=MODULE_NAMES)
def test_everything_public_in_the_module_has_a_docstring(path: Path) -> None:
    bare = [getattr(node, "name", "module") for node in public_definitions(path) if not ast.get_docstring(node)]
    assert bare == []


# Examples in docstrings -----------------------------------------------------------------------------------------

VALUES = [
    cls
    for name in NAMES
    if inspect.isclass(cls := getattr(vonage_messages, name)) and issubclass(cls, Value) and cls is not Message
]
MESSAGES = [cls for cls in VALUES if issubclass(cls, Message) and cls is not BaseMessage]


def examples(cls: type) -> list[str]:
    found = re.findall(r"``([A-Z]\w+\(.+?\))``", cls.__doc__ or "", re.DOTALL)
    return [" ".join(each.split()) for each in found]


DOCUMENTED = [(cls, text) for cls in VALUES for text in examples(cls)]


@pytest.mark.each("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_docstring_of_a_message_class_shows_how_to_construct_it(cls: type) -> None:
    assert any(text.startswith(f"{cls.__name__}(") for text in examples(cls))


@pytest.mark.each(("cls", "text"), DOCUMENTED, ids=[text[:40] for _, text in DOCUMENTED])
def test_example_in_a_docstring_constructs(cls: type, text: str) -> None:
    names = {name: getattr(vonage_messages, name) for name in NAMES}
    value = eval(text, names)  # noqa: S307  the text is this repository's own
    assert type(value).__name__ == text.partition("(")[0]
    assert type(value) is cls or not text.startswith(f"{cls.__name__}(")


def test_raw_message_is_public_for_what_is_not_known_yet() -> None:
    assert RawMessage({"channel": "fax"}).channel == "fax"


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (
            vonage_messages.SendQueue,
            "cancel close drain limiter map observe pause put resume send_all stats submit",
        ),
        (vonage_messages.Limiter, "acquire limits load observe save"),
    ],
)
def test_queue_and_limiter_show_what_a_program_calls_and_no_wiring(cls: type, names: str) -> None:
    assert sorted(name for name in dir(cls) if not name.startswith("_")) == names.split()
