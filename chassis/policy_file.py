"""Keep the policy current: look at the file once a second, keep the last good one."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from chassis.identity import Identity
from chassis.policy import MAX_POLICY_BYTES, Policy, PolicyInvalid, Vocabulary, parse_policy

_Signature = tuple[int, int, int]


class PolicyFile:
    """Identify callers by the newest policy that was valid.

    The first load raises PolicyInvalid or OSError: a service must not start without a policy.
    Later failures keep the last good one, are counted in `failures` and told to `on_failure`:
    a bad file once, a missing or unreadable one at each look. A revoked right therefore ends at
    most about a second after a valid file says so; a call let in before keeps its identity.
    """

    def __init__(
        self,
        path: Path,
        vocabulary: Vocabulary,
        *,
        on_loaded: Callable[[Policy], object] = lambda _policy: None,
        on_failure: Callable[[str], object] = lambda _problem: None,
    ) -> None:
        self._path: Final = path
        self._vocabulary: Final = vocabulary
        self._on_loaded: Final = on_loaded
        self._on_failure: Final = on_failure
        self.failures = 0
        self._signature = self._stat()
        self._policy = self._read()
        on_loaded(self._policy)

    @property
    def policy(self) -> Policy:
        """Return the policy in force."""
        return self._policy

    def identify(self, sans: Sequence[str]) -> Identity | None:
        """Return who holds these URI SANs, or None; one dictionary lookup, no I/O."""
        return self._policy.identify(sans)

    def poll(self) -> bool:
        """Read the file again if it changed; say whether another policy is now in force."""
        try:
            signature = self._stat()
            if signature == self._signature:
                return False
            # Remembered before reading: a bad file is reported once, not once a second.
            self._signature = signature
            self._policy = self._read()
        except PolicyInvalid as error:
            return self._failed(str(error))
        except OSError:
            self._signature = (0, 0, 0)  # whatever comes back is read, even if it is the same file
            return self._failed("policy: the file can't be read")
        self._on_loaded(self._policy)
        return True

    async def watch(self, interval: float = 1.0) -> None:
        """Poll for ever, every `interval` seconds; belongs in the service's TaskGroup.

        In a thread: a large file takes long enough to parse to be felt by calls in flight.
        """
        while True:
            await asyncio.sleep(interval)
            await asyncio.to_thread(self.poll)

    def _failed(self, problem: str) -> bool:
        self.failures += 1
        self._on_failure(problem)
        return False

    def _read(self) -> Policy:
        with self._path.open("rb") as file:
            return parse_policy(file.read(MAX_POLICY_BYTES + 1), self._vocabulary)

    def _stat(self) -> _Signature:
        stat = self._path.stat()  # follows links: Kubernetes swaps one
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
