-- expect: index-build-blocks-writes@3
-- in-transaction: yes
CREATE INDEX ${prefix}_idx ON ${schema}.orders (created_at);
