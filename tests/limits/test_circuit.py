"""A dead platform is asked now and then, not all the time."""

from __future__ import annotations

import pytest

from vonage_messages import errors
from vonage_messages.limits.circuit import Circuit, is_outage


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit(threshold=3, first=1.0, longest=4.0)
    for _ in range(3):
        circuit.failed(now)
    return circuit


def test_circuit_opens_after_as_many_failures_in_a_row() -> None:
    circuit = Circuit(threshold=3)
    circuit.failed(0.0)
    circuit.failed(0.0)
    assert circuit.may_send(0.0)

    circuit.failed(0.0)

    assert circuit.state == "open"
    assert not circuit.may_send(0.0)


def test_success_between_failures_starts_the_count_anew() -> None:
    circuit = Circuit(threshold=2)
    circuit.failed(0.0)
    circuit.succeeded()
    circuit.failed(0.0)

    assert circuit.state == "closed"


def test_one_probe_goes_after_the_cool_down() -> None:
    circuit = opened()
    assert not circuit.may_send(0.99)
    assert circuit.may_send(1.0)

    circuit.sending()

    assert not circuit.may_send(5.0)


def test_probe_that_gets_through_closes_the_circuit() -> None:
    circuit = opened()
    circuit.sending()
    circuit.succeeded()

    assert circuit.may_send(0.0)


def test_each_failed_probe_doubles_the_cool_down_up_to_the_longest() -> None:
    circuit, now = opened(), 0.0
    waits = []
    for _ in range(4):
        waits.append(circuit.probe_at - now)
        now = circuit.probe_at
        circuit.sending()
        circuit.failed(now)

    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_late_failures_of_what_was_under_way_do_not_put_the_probe_off() -> None:
    circuit = opened()
    circuit.failed(0.9)

    assert circuit.probe_at == 1.0


def test_probe_that_did_not_go_leaves_room_for_another() -> None:
    circuit = opened()
    circuit.sending()
    circuit.unused()

    assert circuit.may_send(1.0)


def test_message_of_a_closed_circuit_is_no_probe_whether_it_goes_or_not() -> None:
    circuit = Circuit()
    circuit.sending()
    circuit.unused()

    assert circuit.state == "closed"


def test_outage_is_counted_from_the_first_opening() -> None:
    circuit = opened(10.0)
    circuit.sending()
    circuit.failed(11.0)

    assert circuit.opened_at == 10.0


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (errors.ConnectError("no"), True),
        (errors.ResponseLostError("lost"), True),
        (errors.ServerError(503), True),
        (errors.RateLimitedError(retry_after=None), False),
        (errors.ValidationError(422), False),
    ],
)
def test_outage_is_told_from_a_refusal(error: errors.VonageMessagesError, outage: bool) -> None:
    assert is_outage(error) is outage
