"""The states of a row: a table, and what must hold for whatever happens in whatever order."""

from __future__ import annotations

import ast
import inspect
from itertools import product

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vonage_messages import errors, ledger
from vonage_messages.ledger import (
    FINISHED,
    OUTCOMES,
    TRANSITIONS,
    Event,
    Outcome,
    State,
    event_of,
    next_state,
    state_after,
)

PAIRS = list(product(State, Event))
LEGAL = [pair for pair in PAIRS if pair in TRANSITIONS]
ILLEGAL = [pair for pair in PAIRS if pair not in TRANSITIONS]
MAYBE_SENT = {State.SENDING, State.IN_DOUBT, State.ACCEPTED}
PROOFS = {Event.ACCEPT, Event.SETTLE_ACCEPTED}


@pytest.mark.each(("state", "event"), ILLEGAL)
def test_illegal_pair_is_refused_with_both_names(state: State, event: Event) -> None:
    with pytest.raises(errors.OutboxError, match=f'"{state}" cannot take the event "{event}"'):
        next_state(state, event)


@pytest.mark.each(
    ("events", "end"),
    [
        ([Event.CLAIM, Event.MARK_SENDING, Event.ACCEPT], State.ACCEPTED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.REFUSE], State.FAILED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.LOSE], State.IN_DOUBT),
        ([Event.CLAIM, Event.MARK_SENDING, Event.UNSEND], State.PENDING),
        ([Event.CLAIM, Event.MARK_SENDING, Event.KEEP], State.CLAIMED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.RECOVER, Event.KEEP], State.PENDING),
        ([Event.CLAIM, Event.MARK_SENDING, Event.RECOVER], State.IN_DOUBT),
        ([Event.CLAIM, Event.MARK_SENDING, Event.RECOVER, Event.ACCEPT], State.ACCEPTED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.RECOVER, Event.RESEND], State.PENDING),
        ([Event.CLAIM, Event.MARK_SENDING, Event.LOSE, Event.SETTLE_ACCEPTED], State.ACCEPTED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.SETTLE_ACCEPTED, Event.LOSE], State.ACCEPTED),
        ([Event.CLAIM, Event.MARK_SENDING, Event.REFUSE, Event.RETRY], State.PENDING),
        ([Event.CLAIM, Event.RECOVER], State.PENDING),
        ([Event.CLAIM, Event.RELEASE], State.PENDING),
        ([Event.CLAIM, Event.REFUSE], State.FAILED),
        ([Event.CLAIM, Event.CANCEL], State.CANCELLED),
        ([Event.CANCEL], State.CANCELLED),
    ],
)
def test_story_of_a_row_ends_as_told(events: list[Event], end: State) -> None:
    state = State.PENDING
    for event in events:
        state = next_state(state, event)
    assert state is end


@pytest.mark.each("event", sorted(PROOFS))
@pytest.mark.each("state", State)
def test_proof_of_acceptance_counts_in_every_state(state: State, event: Event) -> None:
    assert next_state(state, event) is State.ACCEPTED


def test_nothing_leads_out_of_accepted() -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is State.ACCEPTED} == {State.ACCEPTED}


def test_row_that_may_have_been_sent_goes_back_only_by_certainty_or_by_a_policy() -> None:
    back = {
        event
        for (before, event), after in TRANSITIONS.items()
        if before in MAYBE_SENT and after in {State.PENDING, State.CLAIMED}
    }
    assert back == {Event.UNSEND, Event.KEEP, Event.RESEND}


def test_only_a_marked_row_is_sent() -> None:
    assert {pair for pair, after in TRANSITIONS.items() if after is State.SENDING} == {
        (State.CLAIMED, Event.MARK_SENDING)
    }


def test_row_that_may_have_been_sent_cannot_be_cancelled() -> None:
    assert [state for state in MAYBE_SENT if (state, Event.CANCEL) in TRANSITIONS] == []


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached(state: State) -> None:
    reached = {State.PENDING}
    for _ in State:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert state in reached


@pytest.mark.parametrize("state", sorted(set(State) - FINISHED))
def test_row_that_is_not_finished_can_still_be_accepted_and_is_not_lost(state: State) -> None:
    assert next_state(state, Event.ACCEPT) is State.ACCEPTED


@pytest.mark.each("event", Event)
def test_states_before_an_event_are_those_of_the_table(event: Event) -> None:
    expected = {before: after for (before, each), after in TRANSITIONS.items() if each is event}
    assert ledger.states_before(event) == expected
    assert expected


@pytest.mark.parametrize("kind", [State, Event])
def test_every_member_says_what_it_means(kind: type) -> None:
    (body,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    after_each = zip(body.body, body.body[1:], strict=False)
    told = [
        each.targets[0].id
        for each, text in after_each
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    ]
    assert told == list(kind.__members__)  # type: ignore[attr-defined]


@pytest.mark.each(
    ("error", "event"),
    [
        (errors.ConnectError("no"), Event.UNSEND),
        (errors.RateLimitedError(), Event.UNSEND),
        (errors.QueueClosedError("closed"), Event.UNSEND),
        (errors.BudgetExceededError("spent"), Event.UNSEND),
        (errors.CircuitOpenError("open"), Event.UNSEND),
        (errors.LimitTimeoutError(3.0, 1.0, "account"), Event.UNSEND),
        (errors.DeadlineExceededError("late"), Event.REFUSE),
        (errors.ValidationError(422), Event.REFUSE),
        (errors.AuthenticationError(401), Event.REFUSE),
        (errors.InvalidMessageError([("to", "no")]), Event.REFUSE),
        (errors.ServerError(500), Event.LOSE),
        (errors.ResponseLostError("lost"), Event.LOSE),
        (errors.UnexpectedResponseError("odd"), Event.LOSE),
    ],
)
def test_error_says_what_becomes_of_the_row(error: errors.VonageMessagesError, event: Event) -> None:
    assert event_of(error) is event


@pytest.mark.parametrize("event", sorted(set(Event) - OUTCOMES))
def test_outcome_is_one_of_an_attempt(event: Event) -> None:
    with pytest.raises(errors.OutboxError, match=event):
        Outcome(id=1, owner="a", attempt=1, event=event)


def test_outcome_spells_out_what_no_database_takes() -> None:
    outcome = Outcome(
        id=1, owner="a", attempt=1, event=Event.REFUSE, error_title="half \ud83d, zero \0, whole \U0001f600"
    )
    assert outcome.error_title == "half \\ud83d, zero \\x00, whole \U0001f600"


def test_rows_are_frozen() -> None:
    row = ledger.NewRow(key="a", ref="r", payload=b"{}")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        row.key = "b"  # type: ignore[misc]


class Sends(RuleBasedStateMachine):
    """One row, and a platform that really counts what was accepted: the states may never promise more than is true."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.PENDING
        self.accepted = 0
        self.under_way: str | None = None
        self.resends = 0

    def take(self, event: Event) -> None:
        before = self.state
        if (before, event) in TRANSITIONS:
            self.state = next_state(before, event)
        else:
            with pytest.raises(errors.OutboxError):
                next_state(before, event)

    @rule(event=st.sampled_from([Event.CLAIM, Event.RELEASE, Event.CANCEL, Event.RETRY]))
    def something_before_it_leaves(self, event: Event) -> None:
        self.take(event)

    @rule(arrives=st.booleans())
    def send(self, arrives: bool) -> None:
        if self.state is State.CLAIMED and self.under_way is None:
            self.take(Event.MARK_SENDING)
            self.under_way = "arrived" if arrives else "refused"
            self.accepted += arrives

    @rule(seen=st.booleans())
    def answer(self, seen: bool) -> None:
        if self.under_way is not None:
            known = Event.ACCEPT if self.under_way == "arrived" else Event.REFUSE
            if self.state in {State.SENDING, State.IN_DOUBT} or known is Event.ACCEPT:
                self.take(known if seen else Event.LOSE)
            self.under_way = None

    @rule(forgets=st.booleans())
    def crash(self, forgets: bool) -> None:
        self.take(Event.RECOVER)
        if forgets:
            self.under_way = None

    @rule()
    def status_arrives(self) -> None:
        if self.accepted:
            self.take(Event.SETTLE_ACCEPTED)

    @rule()
    def user_sends_again(self) -> None:
        if self.state is State.IN_DOUBT:
            self.resends += 1
        self.take(Event.RESEND)

    @invariant()
    def nothing_is_sent_twice_but_by_the_policy(self) -> None:
        assert self.accepted <= 1 + self.resends

    @invariant()
    def accepted_and_unsent_are_true(self) -> None:
        assert self.state is not State.ACCEPTED or self.accepted
        if not self.resends:
            assert self.state in MAYBE_SENT or not self.accepted


TestSends = Sends.TestCase
TestSends.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@pytest.mark.each(
    ("event", "before", "attempts", "owner", "after"),
    [
        (Event.ACCEPT, State.SENDING, 2, "me", State.ACCEPTED),
        (Event.REFUSE, State.SENDING, 2, "me", State.FAILED),
        (Event.REFUSE, State.SENDING, 3, "me", None),
        (Event.REFUSE, State.SENDING, 2, "another", None),
        (Event.ACCEPT, State.SENDING, 3, "another", State.ACCEPTED),
        (Event.REFUSE, State.ACCEPTED, 3, "another", State.ACCEPTED),
        (Event.KEEP, State.FAILED, 2, "me", None),
    ],
)
def test_outcome_is_taken_of_its_own_attempt_and_proof_of_any(
    event: Event, before: State, attempts: int, owner: str, after: State | None
) -> None:
    outcome = Outcome(id=1, owner="me", attempt=2, event=event)
    assert state_after(outcome, before, attempts, owner) is after
