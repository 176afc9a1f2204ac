"""State in a PostgreSQL database, shared by any number of machines (extra ``[workers]``)."""

from vonage_messages.errors import MissingExtraError

try:
    from vonage_messages.stores.postgres.ledger import PostgresLedgerStore
    from vonage_messages.stores.postgres.limits import PostgresLimitStore
    from vonage_messages.stores.postgres.webhooks import PostgresWebhookStore
except ImportError as error:
    raise MissingExtraError(
        'PostgreSQL needs psycopg and psycopg-pool: pip install "vonage-messages-async[workers]"'
    ) from error

__all__ = ["PostgresLedgerStore", "PostgresLimitStore", "PostgresWebhookStore"]
