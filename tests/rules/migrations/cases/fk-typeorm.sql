-- expect: foreign-key-validated-under-lock@3 foreign-key-without-index@3 missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE "photo" ADD CONSTRAINT "FK_723fa50bf70dcfd06fb5a44d4ff" FOREIGN KEY ("authorId") REFERENCES "author"("id") ON DELETE NO ACTION ON UPDATE NO ACTION
