-- expect: nothing
ALTER TYPE kind OWNER TO app;
ALTER TYPE addr ADD ATTRIBUTE zip text CASCADE;
