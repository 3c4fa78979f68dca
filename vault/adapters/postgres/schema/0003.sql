-- Expand: answers are forgotten by their age, by the serving role (roles.sql).
CREATE INDEX applied_updates_by_time ON applied_updates (time);
