-- expect: nothing
DROP TYPE IF EXISTS mood;
