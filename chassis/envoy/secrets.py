"""Give Envoy the certificate files, and tell it when they were renewed (its secret discovery)."""

import asyncio
import json
from pathlib import Path
from typing import Final

from chassis.envoy.bootstrap import CLIENTS, SERVER
from chassis.tls import ServerCertificates, TlsFiles

LOOK_S: Final = 1.0
_SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105


def write_secrets(directory: Path, files: TlsFiles, version: int = 0) -> None:
    """Name the files to Envoy, which reads them as this one is moved into its place.

    Paths alone: no key is copied.
    """

    def file(path: Path) -> dict[str, str]:
        return {"filename": str(path.absolute())}

    pair = {"certificate_chain": file(files.certificate), "private_key": file(files.key)}
    trusted = {"trusted_ca": file(files.ca)}
    for name, content in (
        (SERVER, {"tls_certificate": pair}),
        (CLIENTS, {"validation_context": trusted}),
    ):
        secret = {"@type": _SECRET, "name": name, **content}
        part = directory / f"{name}.part"
        part.write_text(json.dumps({"version_info": str(version), "resources": [secret]}))
        part.rename(directory / f"{name}.json")


async def keep_secrets(directory: Path, certificates: ServerCertificates) -> None:
    """Tell Envoy of each good renewal, for ever; of a bad one it hears nothing."""
    version = 0
    while True:
        await asyncio.sleep(LOOK_S)
        if certificates.renewed() is not None:
            version += 1
            write_secrets(directory, certificates.files, version)
