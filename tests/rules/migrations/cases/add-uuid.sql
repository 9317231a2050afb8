-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE public.accounts ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
