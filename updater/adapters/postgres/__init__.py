"""The updater's database for production: PostgreSQL. One process works, others stand by."""
