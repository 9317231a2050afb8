-- expect: nothing
CREATE TABLE IF NOT EXISTS policies (id varchar(26), PRIMARY KEY (id));
CREATE TABLE IF NOT EXISTS policy_teams (PolicyId varchar(26), teamid varchar(26), PRIMARY KEY (teamid));
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'fk_x') THEN
        ALTER TABLE policy_teams ADD CONSTRAINT fk_x FOREIGN KEY (policyid) REFERENCES policies (id) ON DELETE CASCADE;
    END IF;
END;
$$;
CREATE INDEX IF NOT EXISTS IDX_PT ON policy_teams (policyid);
