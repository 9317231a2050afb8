-- expect: rename-column@2
ALTER TYPE public."Kind" RENAME VALUE 'gift' TO 'present';
