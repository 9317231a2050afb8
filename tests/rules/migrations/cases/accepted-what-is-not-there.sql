-- expect: acceptance-without-effect@3
-- mobius: accept drop-table because of nothing
SELECT 1;
