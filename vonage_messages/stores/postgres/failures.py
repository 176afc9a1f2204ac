"""What the errors of PostgreSQL and of its driver mean to whoever called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import psycopg_pool

from vonage_messages.errors import OutboxError, StoreUnavailableError

if TYPE_CHECKING:
    from vonage_messages.errors import VonageMessagesError

_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed)
_GETS_IN_THE_WAY = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_REFUSES_DATA = (psycopg.DataError, UnicodeError, OverflowError)

FAILURES = (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed, UnicodeError, OverflowError)
"""What the driver raises; the last two about texts and numbers that PostgreSQL cannot hold."""


def may_pass(error: BaseException) -> bool:
    """Tell whether the same transaction may succeed when it is done once more, on another connection."""
    if isinstance(error, _GETS_IN_THE_WAY):
        return True
    # Wrong credentials and a database that is not there are operational errors too, but those do not pass.
    return isinstance(error, _UNAVAILABLE) and not isinstance(
        error, (psycopg.errors.InvalidAuthorizationSpecification, psycopg.errors.InvalidCatalogName)
    )


def translated(error: Exception) -> VonageMessagesError:
    """Turn an error of PostgreSQL into one of ours. Its own words are left out: they may hold what was written."""
    state = getattr(error, "sqlstate", None)
    told = f"{type(error).__name__}{f', {state}' if state else ''}"
    ours: VonageMessagesError
    if isinstance(error, (*_UNAVAILABLE, *_GETS_IN_THE_WAY)):
        ours = StoreUnavailableError(f"PostgreSQL cannot be read or written now ({told}).")
    elif isinstance(error, _REFUSES_DATA):
        ours = OutboxError(f"PostgreSQL refused the data ({told}). Nothing was changed.")
    elif isinstance(error, psycopg.errors.InsufficientPrivilege):
        ours = OutboxError(f"PostgreSQL does not allow it to this user ({told}). Nothing was changed.")
    else:
        ours = OutboxError(f"PostgreSQL failed ({told}). Nothing was changed.")
    ours.__cause__ = error
    return ours
