-- expect: nothing
CREATE TABLE line (a int, b int, n int, FOREIGN KEY (a, b) REFERENCES heads (a, b));
CREATE INDEX line_ba ON line (b, a, n);
