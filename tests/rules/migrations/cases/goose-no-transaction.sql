-- expect: nothing
-- in-transaction: yes
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY post_at ON post (at);
-- +goose Down
DROP INDEX CONCURRENTLY post_at;
