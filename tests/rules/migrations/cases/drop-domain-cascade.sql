-- expect: drop-column@2
DROP DOMAIN IF EXISTS zipcode CASCADE;
