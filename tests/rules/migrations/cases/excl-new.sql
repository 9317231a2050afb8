-- expect: nothing
CREATE TABLE booking2 (room int, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&));
