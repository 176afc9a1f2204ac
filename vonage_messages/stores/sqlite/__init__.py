"""State in one SQLite file: the ledger of an outbox."""

from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore
from vonage_messages.stores.sqlite.sealing import Cipher

__all__ = ["Cipher", "SqliteLedgerStore"]
