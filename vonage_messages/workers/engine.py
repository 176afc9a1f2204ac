"""What is asked of the engine's tables beyond its own calls, and their making."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from procrastinate.exceptions import AppNotOpen, ConnectorException

from vonage_messages.errors import StoreUnavailableError
from vonage_messages.stores.statement_files import named_statements

if TYPE_CHECKING:
    import procrastinate

UNAVAILABLE: Final = (ConnectorException, AppNotOpen, psycopg.Error, OSError)
"""What the engine raises where its database cannot be reached, or is not open yet."""


async def ask(app: procrastinate.App, query: str, **parameters: object) -> list[dict[str, Any]]:
    """
    Ask the database of the engine; *query* names a statement of ``sql/``.

    Raises:
        StoreUnavailableError: it cannot be reached, or the tables of the engine are not there.
    """
    try:
        return await app.connector.execute_query_all_async(
            named_statements("vonage_messages.workers")[query], **parameters
        )
    except UNAVAILABLE as error:
        raise StoreUnavailableError("the tables of the engine cannot be read now.") from error


async def has_tables(app: procrastinate.App) -> bool:
    """
    Tell whether the tables of the engine are there.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    (answer,) = await ask(app, "engine")
    return bool(answer["there"])


async def prepare(app: procrastinate.App) -> None:
    """
    Make the tables of the engine where they are not there. Several processes may do so at the same moment.

    Raises:
        StoreUnavailableError: the database cannot be reached, or does not let this user make tables.
    """
    if await has_tables(app):
        return
    try:
        await app.schema_manager.apply_schema_async()
    except UNAVAILABLE as error:
        if not await has_tables(app):  # all of it is one transaction: another process was quicker
            raise StoreUnavailableError("the tables of the engine cannot be made.") from error
