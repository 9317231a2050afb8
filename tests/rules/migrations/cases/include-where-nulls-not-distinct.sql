-- expect: index-build-blocks-writes@3 missing-lock-or-statement-timeout@3
-- pg-version: 15
CREATE UNIQUE INDEX IF NOT EXISTS uq_seat ON bookings (flight_id, seat) INCLUDE (passenger_id) NULLS NOT DISTINCT WITH (fillfactor = 70) TABLESPACE fast WHERE cancelled_at IS NULL;
