-- expect: nothing
-- pg-version: 11
-- in-transaction: yes
CREATE TYPE mood AS ENUM ('sad', 'ok');
ALTER TYPE mood ADD VALUE 'happy';
