"""What a stored card is and what may become of it: pure values and decisions, no I/O."""
