-- expect: nothing
ALTER TABLE staging_rows CLUSTER ON staging_idx;
