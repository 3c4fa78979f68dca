"""The store for production: PostgreSQL over asyncpg, several processes on one database."""
