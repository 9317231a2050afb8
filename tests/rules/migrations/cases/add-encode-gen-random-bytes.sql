-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
alter table api_keys add column secret text not null default encode(gen_random_bytes(16), 'hex');
