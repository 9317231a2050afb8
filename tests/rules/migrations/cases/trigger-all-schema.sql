-- expect: disable-trigger-all@2 missing-lock-or-statement-timeout@2
alter table only "Shop"."Orders" disable trigger all;
