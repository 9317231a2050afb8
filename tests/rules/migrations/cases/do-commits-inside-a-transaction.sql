-- expect: transaction-nesting@6
-- in-transaction: yes
DO $$ BEGIN
  LOOP
    UPDATE users SET a = 0 WHERE id IN (SELECT id FROM users WHERE a IS NULL LIMIT 1000);
    EXIT WHEN NOT FOUND; COMMIT;
  END LOOP;
END $$;
