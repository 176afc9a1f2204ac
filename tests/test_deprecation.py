"""Spellings that will go: whom the warning points to, and that none stays beyond its time."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest

import vonage_messages
from vonage_messages import VonageMessagesDeprecationWarning
from vonage_messages.deprecation import warn_deprecated

PACKAGE = Path(vonage_messages.__file__).parent

OURS = """
import attrs
from vonage_messages.deprecation import warn_deprecated

def old_name():
    warn_deprecated("old_name", instead="new_name", removed_in="3.0")

def through_another():
    old_name()

@attrs.frozen
class Value:
    def __attrs_post_init__(self):
        warn_deprecated("Value", instead="NewValue", removed_in="3.0")
"""


@pytest.fixture
def ours() -> ModuleType:
    """A module that stands in the package."""
    module = ModuleType("vonage_messages.made_up")
    exec(compile(OURS, "made_up.py", "exec"), module.__dict__)  # noqa: S102  the text above
    return module


def test_the_warning_says_what_to_write_and_until_when() -> None:
    with pytest.warns(VonageMessagesDeprecationWarning) as caught:
        warn_deprecated("old=", instead="new=", removed_in="3.0")

    (one,) = caught
    assert str(one.message) == "old= is deprecated, and will go with version 3.0. Write new=."


def test_it_is_one_of_the_deprecation_warnings_that_everybody_filters() -> None:
    assert issubclass(VonageMessagesDeprecationWarning, DeprecationWarning)


@pytest.mark.parametrize("name", ["old_name", "through_another", "Value"])
def test_the_warning_points_to_the_line_that_is_not_ours(ours: ModuleType, name: str) -> None:
    with pytest.warns(VonageMessagesDeprecationWarning) as caught:
        getattr(ours, name)()

    (one,) = caught
    assert one.filename == __file__
    assert "getattr(ours, name)()" in Path(one.filename).read_text().splitlines()[one.lineno - 1]


def overdue(source: str, version: str) -> list[str]:
    """Give the spellings that should be gone by *version*, or that do not say when they go."""
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warn_deprecated"
    ]
    given = [{each.arg: each.value for each in call.keywords} for call in calls]
    return [
        ast.unparse(call.args[0])
        for call, keywords in zip(calls, given, strict=True)
        if numbers(ast.literal_eval(keywords["removed_in"])) <= numbers(version)
    ]


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:2]]


@pytest.mark.parametrize(("version", "found"), [("2.9.1", []), ("3.0.0", ["'a'"]), ("3.1.0.dev0", ["'a'"])])
def test_a_spelling_is_overdue_when_its_version_has_come(version: str, found: list[str]) -> None:
    assert overdue("warn_deprecated('a', instead='b', removed_in='3.0')", version) == found


def test_no_spelling_of_the_package_is_overdue() -> None:
    late = {
        path: overdue(path.read_text(encoding="utf-8"), vonage_messages.__version__) for path in PACKAGE.rglob("*.py")
    }

    assert {path: spellings for path, spellings in late.items() if spellings} == {}
