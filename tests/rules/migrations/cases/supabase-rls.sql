-- expect: missing-lock-or-statement-timeout@2
alter table "public"."todos" enable row level security;
drop policy if exists "own" on "public"."todos";
create policy "own" on "public"."todos" as permissive for all to authenticated using ((( SELECT auth.uid() AS uid) = user_id)) with check (true);
grant delete on table "public"."todos" to "anon";
