-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE "t" ADD COLUMN "geom" geometry(Point, 4326);
