"""Handlers that keep what they get."""

from __future__ import annotations

import pytest

from .callbacks import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
