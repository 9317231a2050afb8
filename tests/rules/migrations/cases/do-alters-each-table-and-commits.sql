-- expect: nothing
SET lock_timeout = '2s';
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['orders','customers'] LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN tenant_id bigint', t);
    COMMIT;
  END LOOP;
END $$;
