-- expect: missing-lock-or-statement-timeout@2 partition-attach@2
ALTER TABLE cities ATTACH PARTITION cities_def DEFAULT;
