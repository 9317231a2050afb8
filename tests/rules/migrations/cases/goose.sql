-- expect: missing-lock-or-statement-timeout@4
-- +goose Up
-- +goose StatementBegin
ALTER TABLE post ADD COLUMN subtitle text;
-- +goose StatementEnd
