-- expect: missing-lock-or-statement-timeout@2
CREATE TABLE measurement_y2025m01 PARTITION OF measurement FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
