"""The updater's flow, over ports: enrol, choose, write, send, poll, take in, apply, report."""
