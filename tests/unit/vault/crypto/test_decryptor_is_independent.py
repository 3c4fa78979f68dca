"""The decryptor stays short, and knows nothing of ours."""

import ast
from pathlib import Path

SOURCE = Path(__file__).with_name("independent_decryptor.py")
ALLOWED = {"base64", "hashlib", "hmac", "json", "typing", "cryptography"}


def test_it_is_under_60_lines_and_imports_nothing_of_ours() -> None:
    text = SOURCE.read_text()
    assert len(text.splitlines()) < 60
    imported: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= ALLOWED
