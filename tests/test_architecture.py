"""Pictures show what they are drawn from: the floors that import-linter enforces, and tables of figures."""

from __future__ import annotations

import re

import pytest
from _site import figures
from _site.floors import PICTURE, ROOT, drawn, house

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_picture_is_that_of_the_contract() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawn(house()), "python docs/_site/floors.py draws it again"


def test_picture_holds_every_module_once() -> None:
    words = re.findall(r"<text[^>]*>([^<]*)</text>", PICTURE.read_text(encoding="utf-8"))
    modules = [name for floor in house().floors for name in floor]
    assert words[:-1] == modules
    packages = ROOT / "vonage_messages"
    there = {path.stem for path in packages.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__", "__main__"} == {*modules}


def test_table_has_the_floors_of_the_contract_in_their_order() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", TEXT, re.MULTILINE)
    assert [re.findall(r"`([^`]*)`", row) for row in rows] == house().floors


@pytest.mark.parametrize("chart", figures.CHARTS, ids=lambda chart: chart.picture)
def test_picture_is_that_of_its_table(chart: figures.Chart) -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    found = figures.rows(page, chart)
    assert len(found) > 2
    assert max(row.greatest for row in found) <= chart.most
    assert chart.path.read_text(encoding="utf-8") == figures.drawn(chart, found), "python docs/_site/figures.py"
    assert f"(images/{chart.picture})" in page
