-- expect: foreign-key-validated-under-lock@6 foreign-key-without-index@6
SET lock_timeout = '2s';
DO $body$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'of_order') THEN
    ALTER TABLE items ADD CONSTRAINT of_order FOREIGN KEY (order_id) REFERENCES orders (id);
  END IF;
END
$body$;
