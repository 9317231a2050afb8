-- expect: missing-lock-or-statement-timeout@2 required-column-without-default@2
ALTER TABLE orders ADD COLUMN region text NOT NULL DEFAULT NULL;
