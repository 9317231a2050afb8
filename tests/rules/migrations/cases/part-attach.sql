-- expect: missing-lock-or-statement-timeout@2 partition-attach@2
ALTER TABLE measurement ATTACH PARTITION measurement_y2008m02 FOR VALUES FROM ('2008-02-01') TO ('2008-03-01');
