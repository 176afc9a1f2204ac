"""Rows of a ledger from the columns that a database gives: the same columns, in the same order, in each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vonage_messages.ledger import Row, State

_STATES = {state.value: state for state in State}


def row_of(columns: Sequence[Any], unseal: Callable[[bytes], bytes]) -> Row:
    """Make a row of what the statements for reading rows select; *unseal* opens its payload."""
    return Row(
        id=columns[0],
        key=columns[1],
        ref=columns[2],
        client_ref=columns[3],
        version=columns[4],
        payload=unseal(bytes(columns[5])),
        state=_STATES[columns[6]],
        attempts=columns[7],
        owner=columns[8],
        lease_until=columns[9],
        message_uuid=columns[10],
        request_id=columns[11],
        error_class=columns[12],
        error_code=columns[13],
        error_title=columns[14],
        error_detail=columns[15],
        created=columns[16],
        updated=columns[17],
        ref_shared=bool(columns[18]),
        trace=columns[19],
    )
