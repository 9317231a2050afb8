-- expect: drop-table@4 missing-lock-or-statement-timeout@4
# --- !Ups

DROP TABLE old_u;

# --- !Downs
DROP TABLE v;
