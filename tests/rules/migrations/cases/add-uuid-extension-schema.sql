-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN token uuid DEFAULT extensions.uuid_generate_v4();
