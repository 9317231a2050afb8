-- expect: sqlite-rebuild-with-foreign-keys-on@5
-- dialect: sqlite
CREATE TABLE `_knex_temp_alter123` (`id` integer not null primary key autoincrement, `a` varchar(255));
INSERT INTO _knex_temp_alter123 SELECT * FROM users;
DROP TABLE "users";
ALTER TABLE "_knex_temp_alter123" RENAME TO "users";
