-- expect: missing-lock-or-statement-timeout@3 required-column-without-default@3
-- in-transaction: yes
ALTER TABLE "shop_order" ADD COLUMN "region" varchar(2) DEFAULT 'de' NOT NULL;
ALTER TABLE "shop_order" ALTER COLUMN "region" DROP DEFAULT;
