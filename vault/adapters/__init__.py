"""The outside, behind the ports: databases, key services, files."""
