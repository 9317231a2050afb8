-- expect: nothing
ALTER TABLE big RESET (autovacuum_vacuum_scale_factor);
