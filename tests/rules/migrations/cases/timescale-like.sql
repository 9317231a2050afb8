-- expect: nothing
SELECT create_hypertable('conditions', 'time');
SELECT add_retention_policy('conditions', INTERVAL '6 months');
