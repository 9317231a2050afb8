-- expect: missing-lock-or-statement-timeout@2 primary-key-built-under-lock@2 required-column-without-default@2
ALTER TABLE orders ADD COLUMN code uuid PRIMARY KEY;
