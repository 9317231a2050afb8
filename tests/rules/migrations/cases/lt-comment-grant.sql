-- expect: nothing
COMMENT ON TABLE users IS 'people';
GRANT SELECT ON users TO reader;
