"""The simulator and the client's tables were read from the reference apart: on the samples they must agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import InvalidMessageError, from_payload, to_payload
from vonage_messages.simulator.validate import validate_v0_1, validate_v1

SAMPLES = Path(__file__).parent.parent / "samples"
VALIDATE = {"v1": validate_v1, "v0.1": validate_v0_1}


def samples(folder: str) -> list[Any]:
    return [
        pytest.param(version, path, id=f"{version}-{path.stem}")
        for version in VALIDATE
        for path in sorted((SAMPLES / version / folder).glob("*.json"))
        if path.stem != "REASONS"
    ]


def read(path: Path) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return payload


@pytest.mark.each(("version", "path"), samples("requests"))
def test_a_request_of_ours_has_no_problem(version: str, path: Path) -> None:
    payload = to_payload(from_payload(read(path), version), version)
    assert not list(VALIDATE[version](payload))


@pytest.mark.each(("version", "path"), samples("refused"))
def test_a_wrong_request_is_refused_on_both_sides(version: str, path: Path) -> None:
    payload = read(path)
    assert list(VALIDATE[version](payload))
    with pytest.raises(InvalidMessageError):
        from_payload(payload, version)
