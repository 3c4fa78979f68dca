"""Read "host:port" addresses."""


def split_address(text: str) -> tuple[str, int]:
    """Return host and port; raises ValueError. IPv6 hosts stand in brackets: "[::1]:50051"."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or len(port) > 5:
        raise ValueError("an address is host:port")
    number = int(port)
    if number > 65_535:
        raise ValueError("a port is at most 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 host stands in brackets")
    return host, number
