WITH old_seen AS (
    DELETE FROM {schema}.seen WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision
), old_tokens AS (
    DELETE FROM {schema}.token WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision
)
DELETE FROM {schema}.event WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision
