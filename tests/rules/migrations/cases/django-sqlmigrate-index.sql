-- expect: transaction-nesting@3 missing-lock-or-statement-timeout@7 required-column-without-default@7 index-build-blocks-writes@9 statement-while-holding-access-exclusive@9
-- in-transaction: yes
BEGIN;
--
-- Add field slug to article
--
ALTER TABLE "blog_article" ADD COLUMN "slug" varchar(50) DEFAULT '' NOT NULL;
ALTER TABLE "blog_article" ALTER COLUMN "slug" DROP DEFAULT;
CREATE INDEX "blog_article_slug_abc123_like" ON "blog_article" ("slug" varchar_pattern_ops);
COMMIT;
