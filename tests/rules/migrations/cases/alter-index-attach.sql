-- expect: nothing
ALTER INDEX measurement_usls_idx ATTACH PARTITION measurement_usls_200602_idx;
