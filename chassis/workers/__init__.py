"""Several processes of one service on one port: a supervisor, and what a worker knows of it."""
