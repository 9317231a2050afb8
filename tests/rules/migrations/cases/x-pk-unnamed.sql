-- expect: missing-lock-or-statement-timeout@2 primary-key-built-under-lock@2
ALTER TABLE t ADD PRIMARY KEY (a, b);
