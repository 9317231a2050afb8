-- expect: missing-lock-or-statement-timeout@3
-- +goose Up
ALTER TABLE post ADD COLUMN subtitle text;
-- +goose Down
ALTER TABLE post DROP COLUMN old_subtitle;
DROP TABLE things;
