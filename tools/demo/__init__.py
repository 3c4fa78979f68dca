"""`make demo`: the whole product once, end to end, as real processes; every claim is checked."""
