-- expect: nothing
ALTER TABLE old_one SET WITHOUT OIDS;
