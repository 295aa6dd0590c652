CREATE TABLE sessions_behind (
  session_id UUID NOT NULL
);
COMMENT ON TABLE sessions_behind IS 'Sessions with epochs that their own row does not say yet; empty in every snapshot and published copy.';
