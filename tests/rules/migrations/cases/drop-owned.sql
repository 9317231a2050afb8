-- expect: drop-schema@2
DROP OWNED BY old_user CASCADE;
