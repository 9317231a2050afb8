-- expect: concurrently-inside-transaction@3
begin transaction;
drop index concurrently if exists idx_one restrict;
end;
