-- expect: missing-lock-or-statement-timeout@3
ALTER TABLE events_de VALIDATE CONSTRAINT events_de_bounds;
ALTER TABLE events ATTACH PARTITION events_de FOR VALUES IN ('de');
