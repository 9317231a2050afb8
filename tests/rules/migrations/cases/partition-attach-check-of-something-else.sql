-- expect: constraint-validated-under-lock@3 partition-attach@4
SET lock_timeout = '2s';
ALTER TABLE m_2024 ADD CONSTRAINT n_pos CHECK (n > 0);
ALTER TABLE m ATTACH PARTITION m_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
