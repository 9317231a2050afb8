-- expect: nothing
ALTER TABLE staging_rows SET WITHOUT CLUSTER;
