"""The vault's own part of `doctor`, a file a subject, and what a production start refuses."""
