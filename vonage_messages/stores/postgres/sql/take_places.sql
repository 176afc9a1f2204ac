SELECT wait, obstacle, said_at FROM {schema}.take_places(
    %(keys)s::text[], %(intervals)s::float8[], %(tolerances)s::float8[], %(caps)s::integer[], %(spans)s::float8[],
    %(places)s::integer[], %(bounds)s::integer[], %(horizon)s::float8, %(now)s::float8
)
