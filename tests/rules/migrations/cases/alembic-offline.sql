-- expect: missing-lock-or-statement-timeout@11 index-build-blocks-writes@13 multi-table-ddl-transaction@13 statement-while-holding-access-exclusive@13
BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 1a2b

ALTER TABLE account ADD COLUMN last_transaction_date TIMESTAMP WITHOUT TIME ZONE;

CREATE INDEX ix_account_ltd ON ledger (last_transaction_date);

INSERT INTO alembic_version (version_num) VALUES ('1a2b') RETURNING alembic_version.version_num;

COMMIT;
