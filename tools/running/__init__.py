"""Real processes of this product on free ports, in a directory of their own."""
