-- expect: nothing
BEGIN;
CREATE TYPE mood AS ENUM ('glad');
ALTER TYPE mood ADD VALUE 'calm';
COMMIT;
