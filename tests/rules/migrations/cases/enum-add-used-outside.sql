-- expect: missing-lock-or-statement-timeout@3
ALTER TYPE mood ADD VALUE 'excited';
ALTER TABLE people ALTER COLUMN mood SET DEFAULT 'excited';
