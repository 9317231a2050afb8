-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a jsonb DEFAULT jsonb_build_object('a', 1, 'b', array[1,2]);
