-- expect: drop-database@2
DROP DATABASE IF EXISTS old_app WITH (FORCE);
