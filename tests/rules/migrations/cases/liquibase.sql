-- expect: missing-lock-or-statement-timeout@4 foreign-key-validated-under-lock@7 foreign-key-without-index@7
--liquibase formatted sql
--changeset bob:1
ALTER TABLE person ADD COLUMN city_id int;
--rollback ALTER TABLE person DROP COLUMN city_id;
--changeset bob:2
ALTER TABLE person ADD CONSTRAINT fk_city FOREIGN KEY (city_id) REFERENCES city (id);
--rollback ALTER TABLE person DROP CONSTRAINT fk_city;
