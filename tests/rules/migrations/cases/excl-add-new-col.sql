-- expect: exclusion-constraint@2 missing-lock-or-statement-timeout@2
ALTER TABLE public.reservations ADD CONSTRAINT "noOverlap" EXCLUDE USING GIST (tstzrange("startsAt", "endsAt") WITH &&);
