-- expect: drop-table@2
DROP SCHEMA IF EXISTS tenant_7 CASCADE;
