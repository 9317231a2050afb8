-- expect: index-build-blocks-writes@3
SET lock_timeout = '2s';
create unique index on items using btree (lower(code));
