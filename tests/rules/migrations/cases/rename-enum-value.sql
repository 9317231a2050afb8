-- expect: rename-column@2
ALTER TYPE mood RENAME VALUE 'meh' TO 'so-so';
