-- expect: foreign-key-validated-under-lock@2 foreign-key-without-index@2 missing-lock-or-statement-timeout@2
ALTER TABLE "orders" ADD CONSTRAINT "fk_rails_f868b47f6a" FOREIGN KEY ("user_id") REFERENCES "users" ("id");
