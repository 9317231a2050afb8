-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN f bit(8) DEFAULT B'00000000' NOT NULL;
