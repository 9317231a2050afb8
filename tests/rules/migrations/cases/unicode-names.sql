-- expect: drop-column@2 missing-lock-or-statement-timeout@2
ALTER TABLE Übersicht DROP COLUMN größe;
