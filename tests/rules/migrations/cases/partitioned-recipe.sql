-- expect: missing-lock-or-statement-timeout@2
CREATE INDEX measurement_usls_idx ON ONLY measurement (unitsales);
CREATE INDEX CONCURRENTLY measurement_usls_200602_idx ON measurement_y2006m02 (unitsales);
ALTER INDEX measurement_usls_idx ATTACH PARTITION measurement_usls_200602_idx;
