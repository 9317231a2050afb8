-- expect: nothing
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm' AFTER 'glad';
