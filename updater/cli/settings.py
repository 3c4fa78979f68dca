"""Settings for commands, and how their failures are told."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chassis.config import ConfigInvalid
from chassis.endings import said
from chassis.policy import PolicyInvalid
from chassis.tls import CertificateInvalid
from updater.config import UpdaterConfig
from updater.domain.errors import UpdaterError


def load_config() -> UpdaterConfig:
    """Read the settings; a bad one ends the command and names the variable, never the value."""
    try:
        return UpdaterConfig.load()
    except ConfigInvalid as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def told() -> Iterator[None]:
    """Tell expected failures in one line and exit 1."""
    try:
        yield
    except (UpdaterError, PolicyInvalid, CertificateInvalid) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(said(error)) from None
