"""Names of a package that are loaded when they are asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = """
from vonage_messages.lazy_names import load_lazily

__all__ = ["answer", "question", "whole"]
load_lazily(globals(), {"inner": "answer question", "deeper": "whole"})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import a package of three lazy names, one of which is a module."""
    root = tmp_path / "made_up_package"
    (root / "deeper").mkdir(parents=True)
    (root / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    (root / "inner.py").write_text("answer = object()\nquestion = object()\nhidden = 1\n", encoding="utf-8")
    (root / "deeper" / "__init__.py").touch()
    (root / "deeper" / "whole.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("made_up_package")
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_up_package"]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name for name in sys.modules if name.startswith("made_up_package.")}


def test_nothing_is_loaded_before_it_is_asked_for_and_then_its_module_alone(package: ModuleType) -> None:
    assert dir(package) == ["answer", "question", "whole"]
    assert loaded() == set()
    assert package.answer is sys.modules["made_up_package.inner"].answer
    assert loaded() == {"made_up_package.inner"}


def test_name_is_looked_up_once(package: ModuleType) -> None:
    first = package.answer
    sys.modules["made_up_package.inner"].answer = object()  # type: ignore[attr-defined]
    assert package.answer is first


def test_name_may_be_that_of_a_module(package: ModuleType) -> None:
    assert package.whole is importlib.import_module("made_up_package.deeper.whole")


def test_name_that_is_not_listed_is_an_attribute_error_even_where_a_module_has_it(package: ModuleType) -> None:
    for name in ("hidden", "inner", "nothing"):
        with pytest.raises(AttributeError, match=f"module 'made_up_package' has no attribute '{name}'"):
            getattr(package, name)
