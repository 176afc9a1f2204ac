-- Limits that several processes keep together. The arithmetic is that of SharedBook (limits/shared.py).

-- Unlogged: a rate of which nothing is known after a crash is taken to be used up, from the new beginning on.
CREATE UNLOGGED TABLE {schema}.limits_since (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since double precision NOT NULL
);

CREATE UNLOGGED TABLE {schema}.shared_limit (
    key text PRIMARY KEY,
    ready double precision NOT NULL
) WITH (fillfactor = 50);

-- Logged, and committed before anything leaves: a cap must outlive everything.
CREATE TABLE {schema}.cap_slice (
    key text NOT NULL,
    ends double precision NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (key, ends)
);

-- keys are distinct and in order, and what is known of each stands at the same place of the next four arrays. The limits
-- of all messages stand in places, as numbers of keys from 1; those of message m end at bounds[m].
CREATE FUNCTION {schema}.take_places(
    keys text[], intervals float8[], tolerances float8[], caps integer[], spans float8[],
    places integer[], bounds integer[], horizon float8, given_now float8
) RETURNS TABLE (wait float8, obstacle integer, said_at float8)
LANGUAGE plpgsql
SET search_path = {schema}, pg_temp
AS $$
DECLARE
    began float8;
    now_is float8;
    readies float8[];
    counts integer[];
    spent integer[] := array_fill(0, ARRAY[cardinality(keys)]);
    has_caps boolean := EXISTS (SELECT 1 FROM unnest(caps) AS cap WHERE cap > 0);
    first integer := 1;
    last integer;
    place integer;
    key_number integer;
    free_at float8;
    leaves float8;
    in_the_way integer;
BEGIN
    SELECT since INTO began FROM limits_since;
    IF began IS NULL THEN
        INSERT INTO limits_since (since) VALUES (coalesce(given_now, extract(epoch FROM clock_timestamp())))
        ON CONFLICT DO NOTHING;
        SELECT since INTO began FROM limits_since;
    END IF;
    INSERT INTO shared_limit (key, ready)
    SELECT wanted, began FROM unnest(keys) AS wanted
    WHERE NOT EXISTS (SELECT 1 FROM shared_limit WHERE key = wanted)
    ORDER BY wanted
    ON CONFLICT DO NOTHING;
    SELECT array_agg(locked.ready ORDER BY locked.key COLLATE "C") INTO readies
    FROM (
        SELECT key, ready FROM shared_limit WHERE key = ANY(keys) ORDER BY key COLLATE "C" FOR UPDATE
    ) AS locked;
    IF cardinality(readies) <> cardinality(keys) THEN  -- one was swept away meanwhile: once more
        RAISE EXCEPTION 'a limit was forgotten just now' USING ERRCODE = 'serialization_failure';
    END IF;
    -- After the locks: whoever waited for them sees the time at which it got them.
    now_is := coalesce(given_now, extract(epoch FROM clock_timestamp()));
    said_at := now_is;
    IF has_caps THEN
        SELECT array_agg(coalesce(counted.number, 0) ORDER BY given.key_at) INTO counts
        FROM unnest(keys, spans) WITH ORDINALITY AS given (key, span, key_at)
        LEFT JOIN LATERAL (
            SELECT sum(number) AS number FROM cap_slice WHERE cap_slice.key = given.key AND ends + given.span > now_is
        ) AS counted ON true;
    END IF;
    FOREACH last IN ARRAY bounds LOOP
        leaves := now_is;
        in_the_way := NULL;
        FOR place IN first .. last LOOP
            key_number := places[place];
            free_at := readies[key_number];
            IF caps[key_number] > 0 AND counts[key_number] + spent[key_number] >= caps[key_number] THEN
                free_at := greatest(free_at, cap_free_at(
                    keys[key_number], spans[key_number], now_is,
                    counts[key_number] + spent[key_number] - caps[key_number]
                ));
            END IF;
            IF free_at > leaves THEN
                leaves := free_at;
                in_the_way := place - first;
            END IF;
        END LOOP;
        wait := leaves - now_is;
        obstacle := in_the_way;
        IF wait <= horizon THEN
            obstacle := NULL;
            FOR place IN first .. last LOOP
                key_number := places[place];
                IF caps[key_number] > 0 THEN
                    spent[key_number] := spent[key_number] + 1;
                    INSERT INTO cap_slice AS slice (key, ends, number)
                    VALUES (
                        keys[key_number],
                        (floor(leaves / (spans[key_number] / 1440)) + 1) * (spans[key_number] / 1440),
                        1
                    )
                    ON CONFLICT (key, ends) DO UPDATE SET number = slice.number + 1;
                ELSE
                    readies[key_number] :=
                        greatest(readies[key_number], leaves - tolerances[key_number]) + intervals[key_number];
                END IF;
            END LOOP;
        END IF;
        RETURN NEXT;
        first := last + 1;
    END LOOP;
    UPDATE shared_limit SET ready = changed.ready
    FROM unnest(keys, readies) AS changed (key, ready)
    WHERE shared_limit.key = changed.key AND shared_limit.ready <> changed.ready;
END
$$;

-- From when on enough of the oldest slices have left the window for one more than surplus above the cap.
CREATE FUNCTION {schema}.cap_free_at(wanted text, span float8, now_is float8, surplus integer) RETURNS float8
LANGUAGE sql
SET search_path = {schema}, pg_temp
AS $$
    SELECT min(ends) + span
    FROM (
        SELECT ends, sum(number) OVER (ORDER BY ends) AS gone
        FROM cap_slice WHERE key = wanted AND ends + span > now_is
    ) AS slices
    WHERE gone > surplus
$$;
