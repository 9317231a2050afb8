-- expect: nothing
CREATE TABLE Invoices (id int, "Total" numeric);
CREATE INDEX inv_total ON INVOICES ("Total");
