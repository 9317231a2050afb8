-- expect: concurrently-inside-transaction@3 invalid-index-retry@3
-- in-transaction: yes
create index concurrently if not exists "ix_Foo" on "Foo" ("BarId");
