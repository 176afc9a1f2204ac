"""State in one SQLite file: the ledger of an outbox."""

from vonage_messages.stores.sealing import Cipher
from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore

__all__ = ["Cipher", "SqliteLedgerStore"]
