-- expect: nothing
COMMENT ON TABLE orders IS 'CREATE INDEX foo ON orders (a); DROP TABLE orders;';
