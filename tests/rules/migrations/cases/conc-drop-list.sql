-- expect: nothing
DROP INDEX CONCURRENTLY IF EXISTS public.idx_a;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_a ON public.t (a);
