-- expect: nothing
CREATE PUBLICATION p FOR TABLE orders, users WITH (publish = 'insert, update');
ALTER PUBLICATION p ADD TABLE teams;
ALTER SUBSCRIPTION s REFRESH PUBLICATION;
