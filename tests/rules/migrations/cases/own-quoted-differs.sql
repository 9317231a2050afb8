-- expect: index-build-blocks-writes@3 missing-lock-or-statement-timeout@3
CREATE TABLE "Invoices" (id int);
CREATE INDEX inv_id ON invoices (id);
