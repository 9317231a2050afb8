-- expect: nothing
SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM FULL; DELETE FROM x');
