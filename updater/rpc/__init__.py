"""The updater's API: messages in, use case, messages out."""
