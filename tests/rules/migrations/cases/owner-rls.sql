-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE profiles OWNER TO app;
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE profiles FORCE ROW LEVEL SECURITY;
