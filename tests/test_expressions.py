"""The form of every regular expression: none that a hostile text sends back and forth. No clock is asked."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest


def load() -> ModuleType:
    program = Path(__file__).parent.parent / "benchmarks" / "expressions.py"
    spec = importlib.util.spec_from_file_location("expressions", program)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


expressions = load()

NESTED = {
    "vonage_messages.bulk.template._COLUMN_PATH": "a dot, which no inner repetition takes, begins every round",
    "vonage_messages.clients.hosts._HOST_NAME": "a dot, which no inner repetition takes, begins every round",
    "vonage_messages.simulator.callbacks._HOST": "a dot, which no inner repetition takes, begins every round",
    "vonage_messages.channels.rules._EMOJI": "a joiner, which no inner repetition takes, begins every round",
}
"""Repetitions within repetitions, and why each can be read in one way only."""


def within(operation: Any, argument: Any) -> list[Any]:
    match operation:
        case constants.MAX_REPEAT | constants.MIN_REPEAT | constants.POSSESSIVE_REPEAT:
            return [argument[2]]
        case constants.SUBPATTERN:
            return [argument[-1]]
        case constants.BRANCH:
            return list(argument[1])
        case constants.ASSERT | constants.ASSERT_NOT:
            return [argument[1]]
        case constants.ATOMIC_GROUP:
            return [argument]
    return []


def is_endless(operation: Any, argument: Any) -> bool:
    return operation in (constants.MAX_REPEAT, constants.MIN_REPEAT) and argument[1] == constants.MAXREPEAT


def has_endless(tree: Any) -> bool:
    return any(is_endless(*each) or any(map(has_endless, within(*each))) for each in tree)


def is_nested(tree: Any) -> bool:
    return any((is_endless(*each) and has_endless(each[1][2])) or any(map(is_nested, within(*each))) for each in tree)


def begins_endlessly(tree: Any) -> bool:
    """Tell whether the first thing in *tree* that takes characters is an endless repetition."""
    for operation, argument in tree:
        if is_endless(operation, argument):
            return True
        if operation in (constants.BRANCH, constants.SUBPATTERN):
            return any(map(begins_endlessly, within(operation, argument)))
        if operation not in (constants.AT, constants.ASSERT, constants.ASSERT_NOT):
            return False
    return False


def tries_to_the_end(tree: Any) -> bool:
    """Tell whether a search may run to the end of the text from each place in it, and fail there."""
    if len(tree) == 1 and tree[0][0] is constants.BRANCH:
        return any(map(tries_to_the_end, tree[0][1][1]))
    looks = any(operation in (constants.AT, constants.ASSERT, constants.ASSERT_NOT) for operation, _ in tree[1:])
    return begins_endlessly(tree) and (looks or tree[1:].getwidth()[0] > 0)


def parsed(pattern: re.Pattern[Any]) -> Any:
    return parser.parse(pattern.pattern, pattern.flags)


def test_no_expression_repeats_repetitions_but_those_that_can_be_read_in_one_way() -> None:
    found = {name for name, pattern in expressions.expressions().items() if is_nested(parsed(pattern))}
    assert found == set(NESTED)


def test_no_expression_that_is_searched_begins_with_a_repetition_that_may_fail() -> None:
    searched = expressions.searched()
    assert {f"vonage_messages.{name}" for name in ("values._SEPARATORS", "consent._WORDS")} < searched
    found = {
        name
        for name, pattern in expressions.expressions().items()
        if name in searched and tries_to_the_end(parsed(pattern))
    }
    assert found == set(expressions.BOUNDED)  # they are given at most so many characters


@pytest.mark.parametrize("expression", [r"(a+)+", r"(?:a*b?)*c", r"x(?:[^y]|z+)*", r"((?:\s|\w+)*)!"])
def test_repeated_repetition_is_noticed(expression: str) -> None:
    assert is_nested(parser.parse(expression))


@pytest.mark.parametrize("expression", [r"\s+x", r"(?:^|\s+)from:", r"\s*(?:UTC)$", r"(\w+)@", r"a|\d+b", r"\s+$"])
def test_repetition_that_is_tried_at_each_place_is_noticed(expression: str) -> None:
    assert tries_to_the_end(parser.parse(expression))


@pytest.mark.parametrize("expression", [r"\w+", r"[ab]+|c", r"(?:^|\s)from:(\S+)$", r"x\s+y", r"a{1,9}b", r"(\d+)"])
def test_expression_without_such_a_repetition_is_none(expression: str) -> None:
    assert not tries_to_the_end(parser.parse(expression))
    assert not is_nested(parser.parse(expression))
