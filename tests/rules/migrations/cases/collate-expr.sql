-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE INDEX names_ci ON people ((lower(last_name) || ', ' || lower(first_name)) COLLATE "C");
