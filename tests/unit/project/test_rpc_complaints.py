"""What refusals of bad requests are judged by: it must notice what it is for."""

from tests.doubles.rpc_bad_fields import BadField
from tests.doubles.rpc_complaints import complaint
from tests.doubles.rpc_wire import Refusal


def test_the_check_notices_what_it_is_for() -> None:
    case = BadField(("m.f",), "too long", "f", lambda _m: None, needle="canary-of-mine")
    good = Refusal("INVALID_ARGUMENT", "INVALID_FIELD", ("f",), "cardvault", raw=b"x")
    assert complaint(case, good) == ""
    assert complaint(case, None)
    assert complaint(case, Refusal("INTERNAL", "INTERNAL", ("f",), "cardvault"))
    assert complaint(case, Refusal("INVALID_ARGUMENT", "INVALID_FIELD", ("g",), "cardvault"))
    assert complaint(case, Refusal("INVALID_ARGUMENT", "", ("f",), "cardvault"))
    leak = Refusal("INVALID_ARGUMENT", "X", ("f",), "cardvault", raw=b"..canary-of-mine..")
    assert complaint(case, leak)
