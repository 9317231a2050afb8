-- expect: nothing
ALTER TABLE orders ENABLE TRIGGER ALL;
