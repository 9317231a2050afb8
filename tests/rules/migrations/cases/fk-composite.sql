-- expect: foreign-key-without-index@2
CREATE TABLE line (a int, b int, n int, FOREIGN KEY (a, b) REFERENCES heads (a, b));
CREATE INDEX line_n ON line (n, a);
