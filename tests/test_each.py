"""Many cases in one item: all failures are shown, each under the name by which it runs alone (see ``conftest.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest

CASES = """
    import asyncio, enum, pytest

    class Colour(enum.Enum):
        RED = 1

    @pytest.mark.each("number", [1, 2, 3, 4])
    def test_even(number):
        assert number % 2 == 0, f"{number} is odd"

    VALUES = [(None, "a"), (1.5, Colour.RED), (int, b"x"), (b"x", {}), pytest.param([], 1, id="named")]

    @pytest.mark.each(("value", "other"), VALUES)
    def test_names(value, other):
        raise ValueError

    @pytest.mark.each("pair", [(1, 2), (3, 4)], ids=lambda pair: f"sum-{sum(pair)}")
    @pytest.mark.each("letter", ["a", "b"], ids=["first", "second"])
    async def test_product(pair, letter, tmp_path):
        await asyncio.sleep(0)
        assert tmp_path.exists()
        if letter == "b":
            pytest.fail("it is b")

    @pytest.mark.each("number", [])
    def test_none(number): ...
"""


@pytest.fixture
def family(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_cases=CASES)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    return pytester


def test_every_failing_case_is_shown_with_its_reason_and_the_name_by_which_it_runs_alone(
    family: pytest.Pytester,
) -> None:
    together = family.runpytest_subprocess("-p", "no:cacheprovider")
    together.assert_outcomes(failed=4)
    for line in (
        "2 of 4 cases failed; each runs alone as test_cases.py::test_even[its name]",
        "E       AssertionError: 3 is odd",
        "E           Failed: it is b",
        "this family has no case",
    ):
        assert line in together.outlines
    apart = family.runpytest_subprocess("-p", "no:cacheprovider", "--apart", "-rf", "--tb=no")
    apart.assert_outcomes(failed=9, passed=4, skipped=1)
    assert {line.split(" ")[1] for line in together.outlines if line.startswith("--- test_")} == {
        line.split("::")[1].split(" - ")[0] for line in apart.outlines if line.startswith("FAILED")
    }


def test_case_runs_alone_by_its_name(family: pytest.Pytester) -> None:
    alone = family.runpytest_subprocess("-p", "no:cacheprovider", "--tb=no", "test_cases.py::test_even[3]")
    alone.assert_outcomes(failed=1)
