"""Tools of the repository: what `make` runs, and what the demo and the tests share."""
