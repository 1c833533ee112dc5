-- Schema pgmq for servers without the pgmq extension: the queue functions Tasker calls, same names, arguments and columns.

-- A schema pgmq that is already here was made by somebody else; this statement then fails and names it.
CREATE SCHEMA pgmq;

CREATE TABLE pgmq.meta (
  queue_name varchar NOT NULL UNIQUE,
  is_partitioned boolean NOT NULL,
  is_unlogged boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TYPE pgmq.message_record AS (
  msg_id bigint,
  read_ct integer,
  enqueued_at timestamptz,
  vt timestamptz,
  message jsonb,
  headers jsonb
);

CREATE TYPE pgmq.queue_record AS (
  queue_name varchar,
  is_partitioned boolean,
  is_unlogged boolean,
  created_at timestamptz
);

CREATE TYPE pgmq.metrics_result AS (
  queue_name text,
  queue_length bigint,
  newest_msg_age_sec integer,
  oldest_msg_age_sec integer,
  total_messages bigint,
  scrape_time timestamptz,
  queue_visible_length bigint
);

-- Every function below gets its table name from here, so no bad queue name ever reaches dynamic SQL.
-- The name is folded to lower case: two spellings of one queue are one queue.
CREATE FUNCTION pgmq.format_table_name(queue_name text, prefix text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF queue_name IS NULL OR queue_name !~ '^[A-Za-z_][A-Za-z0-9_]*$' OR length(queue_name) > 47 THEN
    RAISE EXCEPTION 'invalid queue name %', coalesce(quote_literal(queue_name), 'NULL')
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A queue name has at most 47 characters: letters, digits and underscores, and no digit in front.';
  END IF;
  RETURN lower(prefix || '_' || queue_name);
END
$$;

-- CREATE TABLE IF NOT EXISTS fails when two sessions run it at once, hence the lock. One lock serves all queues,
-- because two workers that create several queues in one transaction each would deadlock on a lock per queue.
CREATE FUNCTION pgmq.create(queue_name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  live text := pgmq.format_table_name(queue_name, 'q');
  kept text := pgmq.format_table_name(queue_name, 'a');
BEGIN
  IF EXISTS (SELECT FROM pgmq.meta m WHERE m.queue_name = $1) THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('pgmq.create', 0));
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS pgmq.%I (
       msg_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
       read_ct integer NOT NULL DEFAULT 0,
       enqueued_at timestamptz NOT NULL DEFAULT now(),
       vt timestamptz NOT NULL,
       message jsonb,
       headers jsonb)', live);
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS pgmq.%I (
       msg_id bigint PRIMARY KEY,
       read_ct integer NOT NULL DEFAULT 0,
       enqueued_at timestamptz NOT NULL DEFAULT now(),
       archived_at timestamptz NOT NULL DEFAULT now(),
       vt timestamptz NOT NULL,
       message jsonb,
       headers jsonb)', kept);
  -- Serves the readers, which look for what is visible now in a queue full of delayed messages.
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (vt)', live || '_vt_idx', live);
  INSERT INTO pgmq.meta (queue_name, is_partitioned, is_unlogged) VALUES ($1, false, false)
  ON CONFLICT ON CONSTRAINT meta_queue_name_key DO NOTHING;
END
$$;

-- False when there is no such queue, as in the extension.
CREATE FUNCTION pgmq.drop_queue(queue_name text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  live text := pgmq.format_table_name(queue_name, 'q');
  kept text := pgmq.format_table_name(queue_name, 'a');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('pgmq.create', 0));
  DELETE FROM pgmq.meta m WHERE lower(m.queue_name) = lower($1);
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS pgmq.%I, pgmq.%I', live, kept);
  RETURN true;
END
$$;

CREATE FUNCTION pgmq.list_queues() RETURNS SETOF pgmq.queue_record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT m.queue_name, m.is_partitioned, m.is_unlogged, m.created_at FROM pgmq.meta m ORDER BY m.queue_name;
END;

CREATE FUNCTION pgmq.send(queue_name text, msg jsonb, headers jsonb, delay integer DEFAULT 0) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'INSERT INTO pgmq.%I (vt, message, headers) VALUES ($1, $2, $3) RETURNING msg_id',
    pgmq.format_table_name(queue_name, 'q'))
  USING clock_timestamp() + make_interval(secs => delay), msg, headers;
END
$$;

CREATE FUNCTION pgmq.send(queue_name text, msg jsonb, delay integer DEFAULT 0) RETURNS SETOF bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT pgmq.send(queue_name, msg, NULL::jsonb, delay);
END;

-- The ids come in the order of the messages.
CREATE FUNCTION pgmq.send_batch(queue_name text, msgs jsonb[], delay integer DEFAULT 0) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH sent AS (
       INSERT INTO pgmq.%I (vt, message)
       SELECT $1, m.message FROM unnest($2) WITH ORDINALITY AS m(message, place) ORDER BY m.place
       RETURNING msg_id)
     SELECT msg_id FROM sent ORDER BY msg_id',
    pgmq.format_table_name(queue_name, 'q'))
  USING clock_timestamp() + make_interval(secs => delay), msgs;
END
$$;

-- The clock is passed in as a parameter: as a volatile call in the condition it would keep the index on vt unused,
-- and now() would never move on inside read_with_poll.
CREATE FUNCTION pgmq.read(queue_name text, vt integer, qty integer) RETURNS SETOF pgmq.message_record
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH visible AS (
       SELECT msg_id FROM pgmq.%1$I WHERE vt <= $1 ORDER BY msg_id LIMIT $2 FOR UPDATE SKIP LOCKED),
     taken AS (
       UPDATE pgmq.%1$I q SET vt = $3, read_ct = q.read_ct + 1 FROM visible WHERE q.msg_id = visible.msg_id
       RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers)
     SELECT * FROM taken ORDER BY msg_id',
    pgmq.format_table_name(queue_name, 'q'))
  USING clock_timestamp(), qty, clock_timestamp() + make_interval(secs => vt);
END
$$;

CREATE FUNCTION pgmq.read_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer DEFAULT 5, poll_interval_ms integer DEFAULT 100
) RETURNS SETOF pgmq.message_record
LANGUAGE plpgsql AS $$
DECLARE
  stop_at timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
BEGIN
  LOOP
    RETURN QUERY SELECT * FROM pgmq.read(queue_name, vt, qty);
    EXIT WHEN FOUND OR clock_timestamp() >= stop_at;
    PERFORM pg_sleep(poll_interval_ms / 1000.0);
  END LOOP;
END
$$;

CREATE FUNCTION pgmq.pop(queue_name text, qty integer DEFAULT 1) RETURNS SETOF pgmq.message_record
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH visible AS (
       SELECT msg_id FROM pgmq.%1$I WHERE vt <= $1 ORDER BY msg_id LIMIT $2 FOR UPDATE SKIP LOCKED),
     taken AS (
       DELETE FROM pgmq.%1$I q USING visible WHERE q.msg_id = visible.msg_id
       RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers)
     SELECT * FROM taken ORDER BY msg_id',
    pgmq.format_table_name(queue_name, 'q'))
  USING clock_timestamp(), qty;
END
$$;

-- Returns the ids that were still in the queue.
CREATE FUNCTION pgmq.archive(queue_name text, msg_ids bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH gone AS (
       DELETE FROM pgmq.%I WHERE msg_id = ANY ($1) RETURNING msg_id, read_ct, enqueued_at, vt, message, headers)
     INSERT INTO pgmq.%I (msg_id, read_ct, enqueued_at, vt, message, headers)
     SELECT msg_id, read_ct, enqueued_at, vt, message, headers FROM gone RETURNING msg_id',
    pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a'))
  USING msg_ids;
END
$$;

-- False for an id that is not in the queue: archiving twice is no error.
CREATE FUNCTION pgmq.archive(queue_name text, msg_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM pgmq.archive(queue_name, ARRAY[msg_id]));
END;

CREATE FUNCTION pgmq.delete(queue_name text, msg_ids bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'DELETE FROM pgmq.%I WHERE msg_id = ANY ($1) RETURNING msg_id', pgmq.format_table_name(queue_name, 'q'))
  USING msg_ids;
END
$$;

CREATE FUNCTION pgmq.delete(queue_name text, msg_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM pgmq.delete(queue_name, ARRAY[msg_id]));
END;

-- Visible again vt seconds from now; 0 gives the message back at once.
CREATE FUNCTION pgmq.set_vt(queue_name text, msg_id bigint, vt integer) RETURNS SETOF pgmq.message_record
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'UPDATE pgmq.%I SET vt = $1 WHERE msg_id = $2 RETURNING msg_id, read_ct, enqueued_at, vt, message, headers',
    pgmq.format_table_name(queue_name, 'q'))
  USING clock_timestamp() + make_interval(secs => vt), msg_id;
END
$$;

-- The number of messages that were removed. Messages are deleted, not truncated: a reader is never blocked.
CREATE FUNCTION pgmq.purge_queue(queue_name text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
BEGIN
  EXECUTE format('DELETE FROM pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END
$$;

-- total_messages counts every message ever sent, taken from the identity sequence.
CREATE FUNCTION pgmq.metrics(queue_name text) RETURNS SETOF pgmq.metrics_result
LANGUAGE plpgsql AS $$
DECLARE
  live text := pgmq.format_table_name(queue_name, 'q');
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT $1, count(*),
            extract(epoch FROM now() - max(q.enqueued_at))::integer,
            extract(epoch FROM now() - min(q.enqueued_at))::integer,
            (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM %s s),
            now(), count(*) FILTER (WHERE q.vt <= now())
       FROM pgmq.%I q',
    pg_get_serial_sequence(format('pgmq.%I', live), 'msg_id'), live)
  USING queue_name;
END
$$;

CREATE FUNCTION pgmq.metrics_all() RETURNS SETOF pgmq.metrics_result
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT measured.* FROM pgmq.meta m CROSS JOIN LATERAL pgmq.metrics(m.queue_name) measured ORDER BY m.queue_name;
END;
