-- expect: required-column-without-default@3
SET lock_timeout = '2s';
ALTER TABLE "Orders" ADD COLUMN "countryCode" char(2) NOT NULL;
