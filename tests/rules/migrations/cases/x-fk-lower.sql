-- expect: foreign-key-validated-under-lock@2 foreign-key-without-index@2 missing-lock-or-statement-timeout@2
alter table a add foreign key (b) references c;
