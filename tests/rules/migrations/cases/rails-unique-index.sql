-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE UNIQUE INDEX "index_users_on_lower_email" ON "users" (lower("email"));
