"""What all tests share: how hard Hypothesis tries, and that no clock decides whether a test passes."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# On a busy machine making an example takes as long as it takes. Tests that must try harder say so themselves.
settings.register_profile(
    "project", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("project")
