"""The policy file: who may do what, and who may write that down."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chassis.doctor.finding import Finding, Rule, Severity
from chassis.policy import PolicyInvalid, Vocabulary
from chassis.policy_file import PolicyFile

UNUSABLE: Final = Rule(
    "POLICY_UNUSABLE",
    Severity.BROKEN,
    "a policy file that can be read and says what it means",
    "3: nobody gets in where they don't belong; the service does not start",
    "cardvault policy check FILE names what is wrong",
)
WRITABLE: Final = Rule(
    "POLICY_WRITABLE",
    Severity.BROKEN,
    "a policy that only its owner may write",
    "3: nobody gets in where they don't belong: others may grant themselves anything",
    "chmod go-w",
)
RULES: Final = (UNUSABLE, WRITABLE)


def policy_findings(path: Path, vocabulary: Vocabulary) -> list[Finding]:
    """Read a policy as the service would, and look at the file's mode."""
    try:
        PolicyFile(path, vocabulary)
        mode = path.stat().st_mode & 0o777
    except PolicyInvalid as error:
        return [UNUSABLE.found(str(error))]
    except OSError as error:
        return [UNUSABLE.found(f"{path}: {error.strerror}")]
    return [WRITABLE.found(f"{path} has mode {mode:04o}")] if mode & 0o022 else []
