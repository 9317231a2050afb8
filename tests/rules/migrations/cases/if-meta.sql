-- expect: unreadable@2 missing-lock-or-statement-timeout@3 unreadable@4
\if :do_it
ALTER TABLE a ADD COLUMN b int;
\endif
