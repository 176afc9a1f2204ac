"""What a receiver is made of, and what gets a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.receiving.receiver import Receiver
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier

from .callbacks import SECRET


def test_receiver_without_a_verifier_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        Receiver(Router())


def test_receiver_with_a_verifier_and_insecure_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="contradict"):
        Receiver(Router(), verifier=SignatureVerifier(SECRET), insecure=True)


def test_insecure_must_be_written_out_as_true() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        Receiver(Router(), insecure="no")  # type: ignore[arg-type]


def test_insecure_receiver_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    Receiver(Router(), insecure=True)
    assert "without checking" in caplog.text


@pytest.mark.parametrize(
    ("option", "value"), [("mode", "later"), ("max_running", 0), ("body_limit", -1), ("read_timeout", 0)]
)
def test_option_that_does_not_fit_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        Receiver(Router(), insecure=True, **{option: value})


def test_receiver_of_something_else_than_a_router_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Router"):
        Receiver([], insecure=True)  # type: ignore[arg-type]


def test_a_verifier_that_is_no_verifier_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError, match="SignatureVerifier"):
        Receiver(Router(), verifier="the secret")  # type: ignore[arg-type]
