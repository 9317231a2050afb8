-- expect: missing-lock-or-statement-timeout@2 required-column-without-default@2
ALTER TABLE orders ADD COLUMN region varchar(2) COLLATE "C" CONSTRAINT region_set NOT NULL;
