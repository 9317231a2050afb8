-- expect: nothing
BEGIN;
CREATE TYPE s AS ENUM ('a');
COMMIT;
ALTER TYPE s ADD VALUE 'b';
