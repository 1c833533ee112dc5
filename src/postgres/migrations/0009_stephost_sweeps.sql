-- When the hosts last searched the database for what crashes left behind.

CREATE TABLE stephost.sweeps (
  name text PRIMARY KEY,
  swept_at timestamptz NOT NULL
);
COMMENT ON TABLE stephost.sweeps IS 'One row per kind of search. Of many workers one searches in each interval.';
