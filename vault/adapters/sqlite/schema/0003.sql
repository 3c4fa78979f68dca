-- For the sweeper: answers are forgotten by their age.
CREATE INDEX applied_updates_by_time ON applied_updates (time);
