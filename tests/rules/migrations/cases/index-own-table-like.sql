-- expect: nothing
CREATE TABLE orders_archive (LIKE orders INCLUDING ALL EXCLUDING INDEXES);
CREATE INDEX orders_archive_at ON orders_archive (created_at);
