-- expect: missing-lock-or-statement-timeout@2 partition-detach-blocks@2 drop-table@3
ALTER TABLE events DETACH PARTITION events_2019;
DROP TABLE events_2019;
