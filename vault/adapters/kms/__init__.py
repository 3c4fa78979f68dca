"""The keys that wrap data keys: AWS KMS, Vault or OpenBao transit, PKCS#11 tokens."""
