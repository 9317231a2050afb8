-- expect: nothing
-- in-transaction: yes
-- RenameIndex
ALTER INDEX "User.email_unique" RENAME TO "User_email_key";
