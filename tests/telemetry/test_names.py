"""Names are those of the semantic conventions, and nothing of OpenTelemetry is there unless it is asked for."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from opentelemetry.semconv import attributes, schemas
from opentelemetry.semconv._incubating import attributes as incubating_attributes
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.semconv.metrics import http_metrics

import vonage_messages
from vonage_messages.telemetry import metrics, names

ROOT = Path(__file__).parents[2]
SOURCE = Path(metrics.__file__).read_text(encoding="utf-8")


def constants_of(package: object) -> set[str]:
    """Read all values of the modules of *package*."""
    found: set[str] = set()
    for path in package.__path__:  # type: ignore[attr-defined]
        for module in Path(path).glob("*.py"):
            for line in module.read_text(encoding="utf-8").splitlines():
                name, is_constant, value = line.partition(": Final = ")
                if is_constant and name.isupper():
                    found.add(value.strip('"'))
    return found


def test_attributes_are_those_of_the_conventions() -> None:
    known = constants_of(attributes) | constants_of(incubating_attributes)
    own = {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and "." in value and "/" not in value
    }
    assert {value for value in own if not value.startswith("vonage.")} <= known
    assert len(own & known) > 10


def test_metrics_are_those_of_the_conventions() -> None:
    values = [value for module in (messaging_metrics, http_metrics) for value in vars(module).values()]
    known = {value for value in values if isinstance(value, str)}
    standard = {name for name in SOURCE.split('"') if name.startswith(("messaging.", "http."))}
    assert len(standard) == 5
    assert standard <= known


def test_schema_is_one_that_is_published() -> None:
    conventions = "opentelemetry-semantic-conventions"
    if f"{conventions}=={version(conventions)}" not in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        pytest.skip("an older list of what was published does not know the schema that is followed")
    assert names.SCHEMA_URL in {schema.value for schema in schemas.Schemas}


def test_nothing_but_telemetry_imports_opentelemetry_and_nothing_imports_telemetry() -> None:
    """What is loaded in fact, by a client and a queue, is looked at by ``test_imports.py``."""
    package = Path(vonage_messages.__file__).parent
    pattern = re.compile(r"^\s*(from|import) (opentelemetry|vonage_messages\.telemetry)\b", re.MULTILINE)
    importing = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert importing == {"telemetry"}


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "opentelemetry" or name.startswith("vonage_messages.telemetry"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(vonage_messages.MissingExtraError, match=r'pip install "vonage-messages-async\[otel\]"'):
        __import__("vonage_messages.telemetry")
