"""What several vaults share and may lose: Redis, behind a breaker."""
