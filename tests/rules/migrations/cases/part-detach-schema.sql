-- expect: missing-lock-or-statement-timeout@3 partition-detach-blocks@3
-- pg-version: 13
ALTER TABLE public.events DETACH PARTITION public.events_2019;
