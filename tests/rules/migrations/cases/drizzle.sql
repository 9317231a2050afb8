-- expect: missing-lock-or-statement-timeout@9 statement-while-holding-access-exclusive@10 foreign-key-validated-under-lock@11 foreign-key-without-index@11
-- in-transaction: yes
CREATE TYPE "public"."visibility" AS ENUM('public', 'private');--> statement-breakpoint
CREATE TABLE "votes" (
	"chat_id" uuid NOT NULL,
	CONSTRAINT "votes_pk" PRIMARY KEY("chat_id")
);
--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "visibility" "visibility" DEFAULT 'private' NOT NULL;--> statement-breakpoint
DO $$ BEGIN
 ALTER TABLE "chats" ADD CONSTRAINT "chats_user_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
