-- expect: drop-not-null@7
\set ON_ERROR_STOP on
\timing on
\pset pager off
\restrict x7Yq
\echo it's on
SET lock_timeout = '2s'; ALTER TABLE t ALTER c DROP NOT NULL;
\unrestrict x7Yq
