-- expect: foreign-key-validated-under-lock@4 foreign-key-without-index@4 missing-lock-or-statement-timeout@4
-- in-transaction: yes
-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
