-- expect: nothing
CREATE TABLE items2 (price int);
ALTER TABLE items2 ADD CONSTRAINT price_positive CHECK (price > 0);
