-- expect: missing-lock-or-statement-timeout@4
-- in-transaction: yes
-- Up Migration
ALTER TABLE "things" ADD "note" text;
-- Down Migration
ALTER TABLE "things" DROP "note";
DROP TABLE "others";
