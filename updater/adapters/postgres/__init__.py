"""The updater's database for production: PostgreSQL. Processes share the work by leases."""
