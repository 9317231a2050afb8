-- expect: primary-key-built-under-lock@3
SET lock_timeout = '2s';
ALTER TABLE users ADD PRIMARY KEY (id);
