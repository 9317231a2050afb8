-- expect: foreign-key-validated-under-lock@6 foreign-key-without-index@6 missing-lock-or-statement-timeout@6
BEGIN;

-- Running upgrade 1975ea83b712 -> ae1027a6acf

ALTER TABLE orders ADD CONSTRAINT fk_orders_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE;

UPDATE alembic_version SET version_num='ae1027a6acf' WHERE alembic_version.version_num = '1975ea83b712';

COMMIT;
