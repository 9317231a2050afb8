-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE docs ADD COLUMN ts tsvector GENERATED ALWAYS AS(to_tsvector('english', coalesce(title, '') || ' ' || coalesce(body, '')))STORED;
