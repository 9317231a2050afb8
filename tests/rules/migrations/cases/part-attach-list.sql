-- expect: missing-lock-or-statement-timeout@2 partition-attach@2
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_de FOR VALUES IN ('de', 'at');
