-- What the serving group may do; run by every `cardvault-updater migrate`, safe to repeat. A login
-- role is made a member: GRANT cardvault_updater_serving TO updater_app. It cannot do DDL.
REVOKE ALL ON cards, enrolments, cursors, inquiries, questions, question_cards, feed_files, answers,
    sightings, exceptions, requests, leases, outbox, event_counts, outbox_leases, relays, pauses,
    wire_counters, lease_claims, updater_schema_version
    FROM PUBLIC, cardvault_updater_serving;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, cardvault_updater_serving;
GRANT USAGE ON SCHEMA public TO cardvault_updater_serving;

GRANT SELECT, INSERT, UPDATE ON cards, enrolments, cursors, inquiries, questions, feed_files,
    answers, exceptions, pauses, wire_counters TO cardvault_updater_serving;
GRANT SELECT, INSERT, UPDATE, DELETE ON question_cards, sightings TO cardvault_updater_serving;
GRANT SELECT, INSERT, DELETE ON requests TO cardvault_updater_serving;
GRANT SELECT, INSERT, DELETE ON outbox TO cardvault_updater_serving;
GRANT SELECT, INSERT, UPDATE ON event_counts TO cardvault_updater_serving;
GRANT SELECT, INSERT, UPDATE, DELETE ON relays TO cardvault_updater_serving;
-- A channel's lease is made when it is first asked for; those of the outbox are there.
GRANT SELECT, INSERT, UPDATE ON leases TO cardvault_updater_serving;
GRANT SELECT, INSERT, UPDATE, DELETE ON lease_claims TO cardvault_updater_serving;
GRANT SELECT, UPDATE ON outbox_leases TO cardvault_updater_serving;
GRANT SELECT ON updater_schema_version TO cardvault_updater_serving;
