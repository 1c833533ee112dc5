-- Functions of schema tasker that send a queue message together with its notification, and handle one message by its id.

-- orchestration_* gives orchestration; worker_X_queue and X_queue give X; everything else gives default.
CREATE FUNCTION tasker.extract_queue_namespace(queue_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN starts_with(queue_name, 'orchestration') THEN 'orchestration'
  ELSE coalesce(substring(queue_name FROM '^worker_(.+)_queue$'), substring(queue_name FROM '^(.+)_queue$'), 'default')
END;

-- The same payload goes to the channel of the namespace and to the one for all queues.
CREATE FUNCTION tasker.pgmq_notify_message(namespace text, payload text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT pg_notify('pgmq_message_ready.' || namespace, payload), pg_notify('pgmq_message_ready', payload);
END;

-- A payload of 8000 bytes or more would make pg_notify, and with it the send, fail. So bytes are counted, not characters:
-- a message of 7000 bytes or more is announced by its id alone, and queue names leave the rest well below the limit.
CREATE FUNCTION tasker.pgmq_send_with_notify(queue_name text, message jsonb, delay_seconds integer DEFAULT 0)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  sent_id bigint := pgmq.send(queue_name, message, delay_seconds);
  namespace text := tasker.extract_queue_namespace(queue_name);
BEGIN
  IF octet_length(message::text) < 7000 THEN
    PERFORM tasker.pgmq_notify_message(namespace, json_build_object(
      'event_type', 'message_with_payload', 'msg_id', sent_id, 'queue_name', queue_name, 'namespace', namespace,
      'message', message, 'ready_at', now(), 'delay_seconds', delay_seconds)::text);
  ELSE
    PERFORM tasker.pgmq_notify_message(namespace, json_build_object(
      'event_type', 'message_ready', 'msg_id', sent_id, 'queue_name', queue_name, 'namespace', namespace,
      'ready_at', now(), 'delay_seconds', delay_seconds, 'payload_omitted', true)::text);
  END IF;
  RETURN sent_id;
END
$$;

-- Many ids do not fit into one payload: each notification names at most 300 of them, so every payload is whole JSON.
CREATE FUNCTION tasker.pgmq_send_batch_with_notify(queue_name text, messages jsonb[], delay_seconds integer DEFAULT 0)
RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
DECLARE
  sent_ids bigint[] := ARRAY(SELECT pgmq.send_batch(queue_name, messages, delay_seconds));
  namespace text := tasker.extract_queue_namespace(queue_name);
BEGIN
  PERFORM tasker.pgmq_notify_message(namespace, json_build_object(
      'event_type', 'batch_ready', 'msg_ids', named.ids, 'queue_name', queue_name, 'namespace', namespace,
      'message_count', cardinality(named.ids), 'ready_at', now(), 'delay_seconds', delay_seconds)::text)
    FROM (SELECT sent_ids[first : first + 299] AS ids FROM generate_series(1, cardinality(sent_ids), 300) AS first) AS named;
  RETURN QUERY SELECT unnest(sent_ids);
END
$$;

-- Empty when the message is gone or not visible; what is read is hidden for vt_seconds.
CREATE FUNCTION tasker.pgmq_read_specific_message(queue_name text, target_msg_id bigint, vt_seconds integer DEFAULT 30)
RETURNS TABLE (msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'UPDATE pgmq.%I q SET vt = clock_timestamp() + make_interval(secs => $2), read_ct = q.read_ct + 1
      WHERE q.msg_id = $1 AND q.vt <= clock_timestamp()
     RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message', 'q_' || lower(queue_name))
  USING target_msg_id, vt_seconds;
END
$$;

-- False when the message is not in the queue.
CREATE FUNCTION tasker.pgmq_delete_specific_message(queue_name text, target_msg_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RETURN pgmq.delete(queue_name, target_msg_id);
END
$$;

-- Hidden for vt_seconds from now on; false when the message is not in the queue.
CREATE FUNCTION tasker.pgmq_extend_vt_specific_message(queue_name text, target_msg_id bigint, vt_seconds integer)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pgmq.set_vt(queue_name, target_msg_id, vt_seconds));
END
$$;
