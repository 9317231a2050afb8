-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
alter table "users" add constraint "users_email_unique" unique ("email")
