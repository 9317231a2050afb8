-- expect: unreadable@2
SELECT format('DROP TABLE %I', tablename) FROM pg_tables WHERE schemaname = 'tmp' \gexec
