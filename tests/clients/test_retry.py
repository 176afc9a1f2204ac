"""When an attempt is repeated, and after which wait: numbers in, a number out."""

from __future__ import annotations

import pytest

from vonage_messages import errors
from vonage_messages.clients.retry import RetryBudget, RetryPolicy, decide

CONNECT = errors.ConnectError("no")
LOST = errors.ResponseLostError("lost")
SERVER = errors.ServerError(500)
UNEXPECTED = errors.UnexpectedResponseError("odd")


def wait(  # noqa: PLR0913  the numbers of one decision
    error: errors.VonageMessagesError,
    *,
    attempt: int = 1,
    policy: RetryPolicy | None = None,
    budget: RetryBudget | None = None,
    remaining: float = 30.0,
    random: float = 0.5,
) -> float | None:
    return decide(
        error,
        attempt=attempt,
        policy=policy or RetryPolicy(),
        budget=budget or RetryBudget(10, 0.1),
        remaining=remaining,
        random=lambda: random,
    )


def limited(retry_after: float | None) -> errors.RateLimitedError:
    return errors.RateLimitedError(retry_after=retry_after)


@pytest.mark.parametrize("error", [CONNECT, limited(None)])
def test_what_was_not_accepted_is_repeated(error: errors.VonageMessagesError) -> None:
    assert wait(error) is not None


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        SERVER,
        UNEXPECTED,
        errors.ValidationError(422),
        errors.AuthenticationError(401),
        errors.ConfigurationError("no"),
        errors.InvalidMessageError([("to", "no")]),
    ],
)
def test_anything_else_is_not_repeated(error: errors.VonageMessagesError) -> None:
    assert wait(error) is None


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (9, 8.0), (5000, 8.0)]
)
def test_jitter_runs_from_nothing_to_a_growing_ceiling(attempt: int, ceiling: float) -> None:
    policy = RetryPolicy(attempts=10_000)
    assert wait(CONNECT, attempt=attempt, policy=policy, random=0.0) == 0.0
    assert wait(CONNECT, attempt=attempt, policy=policy, random=0.75) == 0.75 * ceiling


def test_last_attempt_is_not_repeated() -> None:
    assert wait(CONNECT, attempt=2) is not None
    assert wait(CONNECT, attempt=3) is None


def test_one_attempt_never_repeats() -> None:
    assert wait(CONNECT, policy=RetryPolicy(attempts=1)) is None


@pytest.mark.parametrize("retry_after", [0.0, 1.0, 29.0])
def test_retry_after_is_never_cut_short_and_has_a_little_jitter(retry_after: float) -> None:
    assert wait(limited(retry_after), random=0.0) == retry_after
    assert wait(limited(retry_after), random=0.5) == retry_after + 0.25


def test_retry_after_above_the_clamp_is_not_waited_for() -> None:
    policy = RetryPolicy(max_retry_after=10)
    assert wait(limited(10), policy=policy, random=0.0) == 10
    assert wait(limited(10.1), policy=policy, random=0.0) is None


def test_wait_beyond_the_deadline_is_not_begun() -> None:
    assert wait(limited(5), remaining=5.1, random=0.0) == 5
    assert wait(limited(5), remaining=5.0, random=0.0) is None


def test_past_deadline_is_not_repeated() -> None:
    assert wait(CONNECT, remaining=-1, random=0.0) is None


def test_budget_ends_repetitions() -> None:
    budget = RetryBudget(2, 0.1)
    assert [wait(CONNECT, budget=budget) is None for _ in range(3)] == [False, False, True]


def test_budget_is_kept_when_there_will_be_no_repetition() -> None:
    budget = RetryBudget(2, 0.1)
    wait(CONNECT, budget=budget, remaining=0)
    wait(LOST, budget=budget)
    wait(CONNECT, budget=budget, attempt=3)
    assert budget.left == 2


def test_successes_refill_the_budget() -> None:
    budget = RetryBudget(1, 0.5)
    assert budget.take()
    assert not budget.take()
    budget.give_back()
    assert not budget.take()
    budget.give_back()
    assert budget.take()


def test_budget_is_never_above_its_reserve() -> None:
    budget = RetryBudget(1, 0.5)
    budget.give_back()
    assert budget.left == 1


def test_caller_may_ask_for_ambiguous_repetitions() -> None:
    policy = RetryPolicy(repeat_ambiguous=True)
    assert wait(LOST, policy=policy) is not None
    assert wait(SERVER, policy=policy) is not None
    assert wait(UNEXPECTED, policy=policy) is None


def test_caller_may_choose_among_ambiguous_errors() -> None:
    policy = RetryPolicy(repeat_ambiguous=lambda error: isinstance(error, errors.ServerError))
    assert wait(SERVER, policy=policy) is not None
    assert wait(LOST, policy=policy) is None


def test_function_is_not_asked_about_what_is_certain() -> None:
    policy = RetryPolicy(repeat_ambiguous=lambda _: True)
    assert wait(errors.ValidationError(422), policy=policy) is None


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"base_delay": -1},
        {"max_delay": float("inf")},
        {"max_retry_after": float("nan")},
        {"budget": -1},
        {"refill": -0.1},
    ],
)
def test_policy_that_cannot_work_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(errors.ConfigurationError, match=next(iter(options))):
        RetryPolicy(**options)  # type: ignore[arg-type]
