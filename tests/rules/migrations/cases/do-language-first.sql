-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@2
DO LANGUAGE plpgsql $x$ BEGIN ALTER TABLE a ALTER b SET NOT NULL; END $x$;
