-- expect: index-build-blocks-writes@3 missing-lock-or-statement-timeout@3
-- in-transaction: yes
CREATE INDEX ${prefix}_idx ON ${schema}.orders (created_at);
