-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL, ADD COLUMN b double precision DEFAULT 0.0, ADD COLUMN c character varying(255)[];
