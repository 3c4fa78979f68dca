"""What the vault does, in the words of the domain; ports to the outside in `ports.py`."""
