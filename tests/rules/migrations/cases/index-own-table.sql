-- expect: nothing
-- in-transaction: yes
CREATE TABLE "audit"."LogEntry" (id bigint generated always as identity primary key, at timestamptz not null default now());
CREATE INDEX "LogEntry_at_idx" ON "audit"."LogEntry" ("at");
