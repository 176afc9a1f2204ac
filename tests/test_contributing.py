"""What CONTRIBUTING tells people to run and to look at is there, and so is what the hooks and templates name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_every_path_is_there() -> None:
    named = re.findall(r"`((?:vonage_messages|tests|docs|benchmarks)/[\w./-]*)`", TEXT)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.each("text", [TEXT, (ROOT / "README.md").read_text(encoding="utf-8")])
def test_every_target_is_one_of_make(text: str) -> None:
    targets = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", text, re.MULTILINE))
    assert targets
    assert {target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()


def test_hooks_run_what_make_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    for hook in hooks:
        program, *_ = hook["entry"].removeprefix(".venv/bin/").split()
        assert f"$(BIN)/{program}" in MAKEFILE


@pytest.mark.each("form", FORMS, ids=lambda form: form.name)
def test_forms_of_issues_are_forms(form: Path) -> None:
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name == "config.yml":
        assert content == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "body"} <= content.keys()
    assert [part["type"] for part in content["body"] if part["type"] not in {"markdown", "textarea", "input"}] == []
    names = [part["id"] for part in content["body"] if part["type"] != "markdown"]
    assert len(names) == len(set(names))
