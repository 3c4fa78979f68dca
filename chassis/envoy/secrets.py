"""Give Envoy the certificate files, and tell it when they were renewed (its secret discovery)."""

import asyncio
import json
from pathlib import Path
from typing import Final

from chassis.envoy.admin import Admin
from chassis.envoy.bootstrap import CLIENTS, SERVER
from chassis.tls import ServerCertificates, TlsFiles

LOOK_S: Final = 1.0
_SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105


def write_secrets(directory: Path, files: TlsFiles, version: int = 0) -> None:
    """Name the files to Envoy, which reads them as this one is moved into its place.

    Paths alone: no key is copied. Each version has links of its own: Envoy reads a file again only
    under another name, or when one is moved into its place, which not every renewal does.
    """

    def file(role: str, path: Path) -> dict[str, str]:
        (directory / f"{role}.{version - 2}").unlink(missing_ok=True)
        link = directory / f"{role}.{version}"
        link.symlink_to(path.absolute())
        return {"filename": str(link)}

    pair = {
        "certificate_chain": file("certificate", files.certificate),
        "private_key": file("key", files.key),
    }
    trusted = {"trusted_ca": file("ca", files.ca)}
    for name, content in (
        (SERVER, {"tls_certificate": pair}),
        (CLIENTS, {"validation_context": trusted}),
    ):
        secret = {"@type": _SECRET, "name": name, **content}
        part = directory / f"{name}.part"
        part.write_text(json.dumps({"version_info": str(version), "resources": [secret]}))
        part.rename(directory / f"{name}.json")


async def keep_secrets(directory: Path, certificates: ServerCertificates) -> None:
    """Tell Envoy of each good renewal, for ever; of a bad one it hears nothing.

    One that can't be told, or that Envoy refuses, is a failed renewal: Envoy goes on with the last.
    """
    admin = Admin(directory)
    version = 0
    told = certificates.pair
    while True:
        await asyncio.sleep(LOOK_S)
        certificates.renewed()
        pair = certificates.pair  # whoever noticed: one renewal is told to only one who asks
        if pair is told:
            continue
        version += 1
        try:
            refused = await admin.secrets_refused()
            write_secrets(directory, certificates.files, version)
            told = pair
            await asyncio.sleep(LOOK_S)
            if await admin.secrets_refused() > refused:
                certificates.failed("Envoy doesn't take the renewed certificate")
        except OSError:
            certificates.failed("Envoy can't be told of the renewed certificate")
