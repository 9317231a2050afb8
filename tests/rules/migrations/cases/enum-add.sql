-- expect: nothing
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'excited' AFTER 'happy';
