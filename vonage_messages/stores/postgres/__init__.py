"""State in a PostgreSQL database, shared by any number of machines: the ledger of an outbox (extra ``[workers]``)."""

from vonage_messages.errors import MissingExtraError

try:
    from vonage_messages.stores.postgres.ledger import PostgresLedgerStore
except ImportError as error:
    raise MissingExtraError(
        'PostgreSQL needs psycopg and psycopg-pool: pip install "vonage-messages-async[workers]"'
    ) from error

__all__ = ["PostgresLedgerStore"]
