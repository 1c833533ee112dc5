-- The keys and checks of step transitions and audit rows, held without a look at each new row: a look-up and a row lock for each key, and two
-- calls for each row that is written or closed, were a seventh of PostgreSQL's time for a step. What a row of stephost refers to cannot be
-- missing: its statements have locked the transition that they follow, or the task, or make the step themselves; they write the audit row with its
-- transition, and name their states as constants. Its sessions say so (`stephost.keeps_keys`); the rows of all others are looked at as before. And nothing
-- that is referred to can be deleted, or change its key, whoever tries.
--
-- The constraints stay in their places for those who read the catalogue, and for TRUNCATE … CASCADE. Only PostgreSQL 18 knows constraints that
-- are not enforced; on 17 they are enforced as before, and nothing here is called.

-- These do as PostgreSQL's own checks: with the rights of the owner, and with the same errors. `pg_temp` stands last in their path, because it
-- would be searched first where it is not named, and a caller's type there would run with those rights.
CREATE FUNCTION tasker.refuse_row(code text, message text, detail text, child text, broken text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING
    ERRCODE = code, MESSAGE = message, DETAIL = coalesce(detail, ''), SCHEMA = 'tasker', TABLE = child, CONSTRAINT = broken;
END
$$;

CREATE FUNCTION tasker.require_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken text := CASE WHEN NOT tasker.is_step_state(NEW.to_state) THEN 'chk_workflow_step_transitions_to_state'
                      WHEN NOT tasker.is_step_state(NEW.from_state) THEN 'chk_workflow_step_transitions_from_state' END;
BEGIN
  IF broken IS NOT NULL THEN
    PERFORM tasker.refuse_row('23514', format('new row for relation "workflow_step_transitions" violates check constraint "%s"', broken),
                              NULL, 'workflow_step_transitions', broken);
  END IF;
  PERFORM FROM tasker.workflow_steps s WHERE s.workflow_step_uuid = NEW.workflow_step_uuid FOR KEY SHARE;
  IF NOT FOUND THEN
    broken := 'workflow_step_transitions_workflow_step_uuid_fkey';
    PERFORM tasker.refuse_row(
      '23503', format('insert or update on table "workflow_step_transitions" violates foreign key constraint "%s"', broken),
      format('Key (workflow_step_uuid)=(%s) is not present in table "workflow_steps".', NEW.workflow_step_uuid),
      'workflow_step_transitions', broken);
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION tasker.require_transition() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken text := 'workflow_step_result_audit_workflow_step_transition_uuid_fkey';
BEGIN
  PERFORM FROM tasker.workflow_step_transitions t
    WHERE t.workflow_step_transition_uuid = NEW.workflow_step_transition_uuid AND t.workflow_step_uuid = NEW.workflow_step_uuid FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM tasker.refuse_row(
      '23503', format('insert or update on table "workflow_step_result_audit" violates foreign key constraint "%s"', broken),
      format('Key (workflow_step_transition_uuid)=(%s) is not present in table "workflow_step_transitions", or belongs to another step.',
             NEW.workflow_step_transition_uuid),
      'workflow_step_result_audit', broken);
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION tasker.keep_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken text := 'workflow_step_transitions_workflow_step_uuid_fkey';
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.workflow_step_uuid = OLD.workflow_step_uuid THEN
    RETURN NULL;
  END IF;
  -- A step without a transition is entered under the lock of its task, which this waits for; then it looks.
  PERFORM FROM tasker.tasks k WHERE k.task_uuid = OLD.task_uuid FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM tasker.workflow_step_transitions t WHERE t.workflow_step_uuid = OLD.workflow_step_uuid) THEN
    PERFORM tasker.refuse_row(
      '23503', format('update or delete on table "workflow_steps" violates foreign key constraint "%s" on table "workflow_step_transitions"', broken),
      format('Key (workflow_step_uuid)=(%s) is still referenced from table "workflow_step_transitions".', OLD.workflow_step_uuid),
      'workflow_step_transitions', broken);
  END IF;
  RETURN NULL;
END
$$;

-- By the unique key of the audit rows, whose first column is the step.
CREATE FUNCTION tasker.keep_transition() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken text := 'workflow_step_result_audit_workflow_step_transition_uuid_fkey';
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.workflow_step_uuid = OLD.workflow_step_uuid AND NEW.workflow_step_transition_uuid = OLD.workflow_step_transition_uuid THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT FROM tasker.workflow_step_result_audit a
              WHERE a.workflow_step_uuid = OLD.workflow_step_uuid AND a.workflow_step_transition_uuid = OLD.workflow_step_transition_uuid) THEN
    PERFORM tasker.refuse_row(
      '23503',
      format('update or delete on table "workflow_step_transitions" violates foreign key constraint "%s" on table "workflow_step_result_audit"', broken),
      format('Key (workflow_step_transition_uuid)=(%s) is still referenced from table "workflow_step_result_audit".',
             OLD.workflow_step_transition_uuid),
      'workflow_step_result_audit', broken);
  END IF;
  RETURN NULL;
END
$$;

-- As text, since PostgreSQL 17 cannot read them.
DO $migration$
BEGIN
  IF current_setting('server_version_num')::int < 180000 THEN
    RETURN;
  END IF;
  EXECUTE $$
    ALTER TABLE tasker.workflow_step_transitions
      ALTER CONSTRAINT workflow_step_transitions_workflow_step_uuid_fkey NOT ENFORCED $$;
  EXECUTE $$
    ALTER TABLE tasker.workflow_step_transitions
      DROP CONSTRAINT chk_workflow_step_transitions_to_state,
      DROP CONSTRAINT chk_workflow_step_transitions_from_state,
      ADD CONSTRAINT chk_workflow_step_transitions_to_state CHECK (tasker.is_step_state(to_state)) NOT ENFORCED,
      ADD CONSTRAINT chk_workflow_step_transitions_from_state CHECK (tasker.is_step_state(from_state)) NOT ENFORCED $$;
  EXECUTE $$
    ALTER TABLE tasker.workflow_step_result_audit
      ALTER CONSTRAINT workflow_step_result_audit_workflow_step_transition_uuid_fkey NOT ENFORCED $$;

  CREATE TRIGGER trg_require_step AFTER INSERT OR UPDATE OF workflow_step_uuid, to_state, from_state ON tasker.workflow_step_transitions
    FOR EACH ROW WHEN (current_setting('stephost.keeps_keys', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tasker.require_step();
  CREATE TRIGGER trg_require_transition
    AFTER INSERT OR UPDATE OF workflow_step_uuid, workflow_step_transition_uuid ON tasker.workflow_step_result_audit
    FOR EACH ROW WHEN (current_setting('stephost.keeps_keys', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tasker.require_transition();
  CREATE TRIGGER trg_keep_step AFTER DELETE OR UPDATE OF workflow_step_uuid ON tasker.workflow_steps
    FOR EACH ROW EXECUTE FUNCTION tasker.keep_step();
  CREATE TRIGGER trg_keep_transition AFTER DELETE OR UPDATE OF workflow_step_uuid, workflow_step_transition_uuid ON tasker.workflow_step_transitions
    FOR EACH ROW EXECUTE FUNCTION tasker.keep_transition();
END
$migration$;
