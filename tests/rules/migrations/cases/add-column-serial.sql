-- expect: add-column-rewrites-table@3
SET lock_timeout = '2s';
ALTER TABLE public.orders ADD line bigserial;
