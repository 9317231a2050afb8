-- expect: missing-lock-or-statement-timeout@2
CREATE POLICY p ON users FOR SELECT USING (auth.uid() = id);
