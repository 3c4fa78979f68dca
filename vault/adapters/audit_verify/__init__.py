"""`cardvault audit verify` and `prove`: with a copy of the database and a public key alone."""
