-- expect: nothing
SELECT data->'a' #>> '{b,c}', data ? 'x', a @> b, a <@ b, x::int FROM t WHERE a ?| array['b'] AND b ~* 'x' AND c !~ 'y';
