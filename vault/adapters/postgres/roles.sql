-- What each group of roles may do; run by every `cardvault migrate`, safe to repeat. A login role is
-- made a member: GRANT cardvault_serving TO vault_app. Neither group can do DDL.
REVOKE ALL ON cards, card_versions, fingerprints, existing_cards, requests, audit, audit_default,
    chains, checkpoints, outbox, data_keys, applied_updates, control, reporting_tenants,
    outbox_leases, relays, imprints, parked_updates, vault_schema_version
    FROM PUBLIC, cardvault_serving, cardvault_reporting, cardvault_auditing;
REVOKE CREATE ON SCHEMA public
    FROM PUBLIC, cardvault_serving, cardvault_reporting, cardvault_auditing;
GRANT USAGE ON SCHEMA public TO cardvault_serving, cardvault_reporting, cardvault_auditing;

GRANT SELECT, INSERT, UPDATE, DELETE
    ON cards, card_versions, fingerprints, existing_cards TO cardvault_serving;
GRANT SELECT, INSERT, DELETE ON requests, outbox, applied_updates TO cardvault_serving;
GRANT SELECT, UPDATE ON outbox_leases TO cardvault_serving;
GRANT SELECT, INSERT, UPDATE, DELETE ON relays, imprints, parked_updates TO cardvault_serving;
GRANT SELECT, INSERT ON data_keys, checkpoints TO cardvault_serving;
GRANT SELECT, INSERT, UPDATE ON chains TO cardvault_serving;
-- The trail is added to and read, and nothing else.
GRANT SELECT, INSERT ON audit TO cardvault_serving;
GRANT SELECT ON control, vault_schema_version TO cardvault_serving;

-- An auditor reads the whole trail, of all tenants, and nothing else: no card, no key, no request.
-- There is no row-level security on these three: a chain with rows left out would not verify.
GRANT SELECT ON audit, chains, checkpoints TO cardvault_auditing;

-- Reports see cards as a masked read shows them: no sealed contents, no free text.
GRANT SELECT (
    tenant, token, revision, credential_version, kind, token_format, status, brand, bin, last4,
    expiry, expiry_unconfirmed, create_time, update_time, expire_time, purge_time
) ON cards TO cardvault_reporting;
GRANT SELECT (
    tenant, token, credential_version, brand, bin, last4, expiry, cause, source, create_time,
    superseded_time, purge_time
) ON card_versions TO cardvault_reporting;
GRANT SELECT ON reporting_tenants TO cardvault_reporting;

-- A reporting role sees the tenants that the owner wrote down for it, whatever it asks.
ALTER TABLE cards ENABLE ROW LEVEL SECURITY;
ALTER TABLE card_versions ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS serving ON cards;
CREATE POLICY serving ON cards TO cardvault_serving USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS serving ON card_versions;
CREATE POLICY serving ON card_versions TO cardvault_serving USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS reporting ON cards;
CREATE POLICY reporting ON cards FOR SELECT TO cardvault_reporting USING (
    tenant IN (SELECT r.tenant FROM reporting_tenants AS r WHERE r.role_name = current_user)
);
DROP POLICY IF EXISTS reporting ON card_versions;
CREATE POLICY reporting ON card_versions FOR SELECT TO cardvault_reporting USING (
    tenant IN (SELECT r.tenant FROM reporting_tenants AS r WHERE r.role_name = current_user)
);
