-- expect: nothing
CREATE TABLE bookings3 (room_id int REFERENCES rooms, during tstzrange, EXCLUDE USING gist (room_id WITH =, during WITH &&));
