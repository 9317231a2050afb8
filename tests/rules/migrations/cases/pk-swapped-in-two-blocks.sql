-- expect: missing-lock-or-statement-timeout@5 primary-key-built-under-lock@11 foreign-key-validated-under-lock@16 index-build-blocks-writes@22
do $$
begin
  if exists (select 1 from pg_constraint where conname = 'messages_pkey') then
    alter table public.messages drop constraint messages_pkey;
  end if;
end $$;
do $$
begin
  if not exists (select 1 from pg_constraint where conname = 'messages_pkey') then
    alter table public.messages add primary key (conversation_id, id);
  end if;
end $$;
do $$
begin
    alter table public.message_feedback
      add constraint f
      foreign key (conversation_id, message_id)
      references public.messages (conversation_id, id)
      on delete cascade;
end $$;
create index if not exists i on public.message_feedback (conversation_id, message_id);
