-- expect: uncommitted-transaction@2
START TRANSACTION READ ONLY;
SELECT 1;
