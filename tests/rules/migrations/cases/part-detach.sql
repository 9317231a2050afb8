-- expect: missing-lock-or-statement-timeout@2 partition-detach-blocks@2
ALTER TABLE measurement DETACH PARTITION measurement_y2006m02;
