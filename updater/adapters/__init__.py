"""What the ports are made of here: SQLite, OpenPGP, a directory, gRPC to the vault."""
