-- expect: missing-lock-or-statement-timeout@3
SET statement_timeout TO 0;
ALTER TABLE ONLY issues ADD CONSTRAINT check_c33362cd43 CHECK ((char_length(title) <= 255)) NOT VALID;
SET statement_timeout TO 0;
ALTER TABLE issues VALIDATE CONSTRAINT check_c33362cd43;
RESET statement_timeout;
