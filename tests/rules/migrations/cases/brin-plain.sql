-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE INDEX events_created_brin ON events USING brin (created_at) WITH (pages_per_range='32', autosummarize=on);
