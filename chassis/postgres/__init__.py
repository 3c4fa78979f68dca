"""PostgreSQL over asyncpg, as both services use it: no table is named here, and no card."""
