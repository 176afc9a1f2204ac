"""State in Redis, shared by any number of machines: limits, and the memory of webhooks (extra ``[redis]``)."""

from vonage_messages.errors import MissingExtraError

try:
    from vonage_messages.stores.redis.limits import RedisLimitStore
    from vonage_messages.stores.redis.webhooks import RedisWebhookStore
except ImportError as error:
    raise MissingExtraError('Redis needs the package redis: pip install "vonage-messages-async[redis]"') from error

__all__ = ["RedisLimitStore", "RedisWebhookStore"]
