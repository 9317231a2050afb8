-- expect: drop-table@2
DROP OWNED BY old_user CASCADE;
