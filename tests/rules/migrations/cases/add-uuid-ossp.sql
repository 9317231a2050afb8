-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD token uuid DEFAULT uuid_generate_v4();
