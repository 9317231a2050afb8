-- expect: full-table-rewrite-command@3 missing-lock-or-statement-timeout@3
-- in-transaction: yes
REFRESH MATERIALIZED VIEW public.leaderboard;
