-- expect: multi-table-ddl-transaction@5
SET lock_timeout = '2s';
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['orders','customers'] LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN tenant_id bigint', t);
  END LOOP;
END $$;
