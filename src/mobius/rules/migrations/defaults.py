"""Whether PostgreSQL can keep a default beside the table, or must write every row anew.

From version 11 on it keeps a value that is the same for all rows (manual, ALTER TABLE, notes): a default that may
differ from row to row, because a function in it is volatile, rewrites the table. Functions of the user's own are
volatile unless they say otherwise, so an unknown one counts as volatile.
"""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.tokens import Token

# Stable or immutable functions (pg_proc.provolatile) that people put into defaults.
_STEADY_NAMES = """
    abs age array array_fill array_length ascii bigint bit_length bool boolean box btrim cardinality
    cast ceil ceiling char char_length chr cidr circle coalesce concat concat_ws current_database
    current_date current_role current_schema current_setting current_time current_timestamp current_user
    date date_part date_trunc daterange decimal decode encode exp extract float4 float8 floor format
    greatest hashtext host inet inet_client_addr initcap int int4range int8range integer interval
    json_build_array json_build_object json_object jsonb_build_array jsonb_build_object jsonb_object
    jsonb_set justify_days justify_hours least left length line ln localtime localtimestamp log lower
    lpad lseg ltrim make_date make_interval make_time make_timestamp make_timestamptz md5 mod now nullif
    numeric numrange octet_length overlay path pg_backend_pid pg_current_xact_id pi plainto_tsquery
    point polygon position power quote_ident quote_literal regexp_replace repeat replace reverse right
    round row row_to_json rpad rtrim session_user sha256 sign smallint split_part sqrt st_geomfromtext
    st_makepoint st_point st_setsrid starts_with statement_timestamp string_to_array strpos substr
    substring text timestamp timestamptz timezone to_char to_date to_json to_jsonb to_number
    to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trunc tsrange tstzrange
    txid_current upper user uuid_nil uuid_ns_dns uuid_ns_oid uuid_ns_url uuid_ns_x500 varchar
"""
_STEADY = frozenset(_STEADY_NAMES.split())
_SYNTAX = ("IN", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "ARRAY", "CASE", "VALUES")
# Functions that people call beside their DDL, over at once.
_QUICK_NAMES = "nextval setval currval lastval set_config pg_notify in values exists and or"
_QUICK = frozenset(_QUICK_NAMES.split())


def is_steady(function: str) -> bool:
    """Whether this function of PostgreSQL is over at once, and gives the same for every row of a statement."""
    return function.lower() in _STEADY or function.lower() in _QUICK


def is_null(default: Sequence[Token]) -> bool:
    """Whether there is no value in it: no default, NULL, or NULL::text."""
    words = [token.word for token in default[:2]]
    return words in ([], ["NULL"], ["NULL", "::"])


def why_it_rewrites(default: Sequence[Token], pg_version: int) -> str:
    """Why adding a column with this default writes every row anew; "" when it does not."""
    if is_null(default):
        return ""
    if pg_version < 11:
        return f"before PostgreSQL 11 any default does (this is {pg_version})"
    for token, then in zip(default, [*default[1:], None], strict=True):
        is_call = then is not None and then.word == "(" and token.kind in ("word", "quoted")
        if is_call and token.name.lower() not in _STEADY and token.word not in _SYNTAX:
            return f"{token.text}() may give another value for each row"
    return ""
