-- expect: nothing
SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.widgets (
    id bigint NOT NULL,
    name character varying(255) DEFAULT 'it''s; a name'::character varying NOT NULL
);
ALTER TABLE public.widgets OWNER TO app;
CREATE SEQUENCE public.widgets_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.widgets_id_seq OWNED BY public.widgets.id;
ALTER TABLE ONLY public.widgets ALTER COLUMN id SET DEFAULT nextval('public.widgets_id_seq'::regclass);
ALTER TABLE ONLY public.widgets ADD CONSTRAINT widgets_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX index_widgets_on_name ON public.widgets USING btree (name);
