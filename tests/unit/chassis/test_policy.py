"""The policy file: what it grants, and everything it refuses."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.identity import DEFAULT_STATUSES, Identity
from chassis.policy import Policy, PolicyInvalid, Vocabulary, parse_policy
from chassis.policy_file import PolicyFile

WORDS = Vocabulary(
    permissions=frozenset({"tokenize", "read", "reveal", "find_by_number"}),
    statuses=frozenset({"ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"}),
)
GOOD = """
principals:
  - match: {san: "spiffe://demo/app"}
    tenants: [demo]
    roles: [merchant]
  - match: {san: "spiffe://demo/both"}
    tenants: [demo, other]
    roles: [merchant, psp, clerk]
roles:
  merchant: {allow: [tokenize, read], purposes: []}
  psp:
    allow: [reveal]
    purposes: [payment, refund]
    statuses: {refund: [CLOSED]}
  clerk: {allow: [reveal], purposes: [refund, dispute]}
"""
APP, BOTH = "spiffe://demo/app", "spiffe://demo/both"


def parsed(text: str = GOOD) -> Policy:
    return parse_policy(text.encode(), WORDS)


def known(policy: Policy, san: str) -> Identity:
    found = policy.identify([san])
    assert found is not None
    return found


def test_a_role_grants_what_it_lists_and_no_more() -> None:
    app = known(parsed(), APP)
    assert app.tenants == ("demo",)
    assert app.permissions == {"tokenize", "read"}
    assert app.allows("read")
    assert not app.allows("reveal")


def test_roles_add_up() -> None:
    both = known(parsed(), BOTH)
    assert both.permissions == {"tokenize", "read", "reveal"}
    assert both.purposes == {"payment", "refund", "dispute"}
    assert both.statuses["payment"] == DEFAULT_STATUSES
    assert both.statuses["refund"] == DEFAULT_STATUSES | {"CLOSED"}  # one role's, plus the other's


def test_listed_statuses_replace_the_default() -> None:
    text = GOOD.replace("roles: [merchant, psp, clerk]", "roles: [psp]")
    psp = known(parsed(text), BOTH)
    assert psp.statuses["refund"] == {"CLOSED"}


def test_a_purpose_without_an_entry_has_the_default_statuses() -> None:
    someone = Identity("x", (), frozenset(), frozenset({"payment"}))
    assert someone.statuses.get("payment", DEFAULT_STATUSES) == DEFAULT_STATUSES
    assert hash(someone) == hash(Identity("x", (), frozenset(), frozenset({"payment"})))


@pytest.mark.parametrize(
    "sans",
    [(), ("spiffe://demo/stranger",), (APP, BOTH), (APP.upper(),), (f"{APP}/",), (f"{APP} ",)],
    ids=["none", "unknown", "two", "case", "longer", "blank"],
)
def test_other_certificates_are_nobody(sans: tuple[str, ...]) -> None:
    assert parsed().identify(sans) is None


def test_further_names_that_nobody_has_do_no_harm() -> None:
    found = parsed().identify([APP, "urn:something:else", APP])
    assert found is not None
    assert found.principal == APP
    assert [i.principal for i in parsed().identities] == [APP, BOTH]


BAD: dict[str, tuple[str, str, str]] = {
    "unknown key": ("tenants: [demo]\n", "tenants: [demo]\n    admin: true\n", "principals[0].ad"),
    "unknown top key": ("roles:\n", "extra: 1\nroles:\n", "extra"),
    "unknown role key": ("purposes: []}", "purposes: [], deny: [x]}", "roles.merchant.deny"),
    "unknown permission": ("[tokenize, read]", "[tokenize, fly]", "roles.merchant.allow[1]"),
    "unknown role": ("roles: [merchant]", "roles: [king]", "principals[0].roles[0]"),
    "unknown status": ("refund: [CLOSED]", "refund: [DELETED]", "roles.psp.statuses.refund[0]"),
    "status of no purpose": ("{refund: [", "{audit: [", "roles.psp.statuses.audit"),
    "odd purpose": ("[payment, refund]", "[Pay me, refund]", "roles.psp.purposes[0]"),
    "repeated entry": ("[tokenize, read]", "[read, read]", "roles.merchant.allow"),
    "number for a name": ("tenants: [demo]", "tenants: [42]", "principals[0].tenants[0]"),
    "odd tenant": ("tenants: [demo]", "tenants: ['a b']", "principals[0].tenants[0]"),
    "comma tenant": ("tenants: [demo]", "tenants: ['a,b']", "principals[0].tenants[0]"),
    "text for a list": ("tenants: [demo]", "tenants: demo", "principals[0].tenants"),
    "missing roles": ("    roles: [merchant]\n", "", "principals[0].roles"),
    "no match": ('{san: "spiffe://demo/app"}', "{}", "principals[0].match"),
    "odd match": ('{san: "spiffe://demo/app"}', "{cn: app}", "principals[0].match.cn"),
    "not a URI": ('{san: "spiffe://demo/app"}', "{san: app}", "principals[0].match.san"),
    "named twice": ("spiffe://demo/both", APP, "principals[1].match.san"),
    "role is a list": ("{allow: [tokenize, read], purposes: []}", "[x]", "roles.merchant"),
    "role without allow": ("allow: [tokenize, read], ", "", "roles.merchant.allow"),
    "odd role name": ("  merchant: {", "  Merchant 1: {", "roles.(a key)"),
    "key that is no text": ("  merchant: {", "  42: {", "roles"),
    "jwt": ('{san: "spiffe://demo/app"}', "{jwt: {issuer: i, subject: s}}", "match.jwt"),
    "jwt of another shape": ('{san: "spiffe://demo/app"}', "{jwt: {issuer: i}}", "jwt.subject"),
    "san and jwt": ('/app"}', '/app", jwt: {issuer: i, subject: s}}', "principals[0].match"),
    "repeated key": ("tenants: [demo]\n", "tenants: [demo]\n    tenants: [x]\n", ""),
    "alias": ("tenants: [demo]\n", "tenants: &t [demo]\n    roles: *t\n", ""),
    "tag": ("tenants: [demo]", "tenants: !!python/tuple [demo]", ""),
    "not YAML": ("roles:\n", "roles: ]\n", ""),
}


# What PyYAML reads into a type of its own and then stumbles over, with an exception of its own.
STUMBLES = {
    "a date that is none": "2001-99-99: 1",
    "a bool that is none": "a: !!bool maybe",
    "an int that is none": "a: !!int x",
    "a time that is none": "a: !!timestamp x",
    "an endless int": "a: " + "9" * 5_000,
    "a mapping that is none": "a: !!map 3",
}


@pytest.mark.parametrize("case", STUMBLES)
def test_a_policy_that_the_parser_stumbles_over_is_refused_like_any_other(case: str) -> None:
    with pytest.raises(PolicyInvalid, match="not valid YAML"):
        parsed(GOOD + STUMBLES[case])


@pytest.mark.parametrize("case", BAD)
def test_a_bad_policy_is_refused_by_its_path(case: str) -> None:
    old, new, path = BAD[case]
    assert old in GOOD
    with pytest.raises(PolicyInvalid) as caught:
        parsed(GOOD.replace(old, new, 1))
    assert path in caught.value.path
    assert str(caught.value).startswith("policy: ")


def test_a_jwt_identity_is_refused_in_words() -> None:
    text = GOOD.replace('{san: "spiffe://demo/app"}', "{jwt: {issuer: i, subject: s}}")
    with pytest.raises(PolicyInvalid, match="JWT identities are not supported"):
        parsed(text)


@pytest.mark.parametrize("text", ["", "[]", "42", "principals: []"], ids=["", "[]", "n", "half"])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        parsed(text)


def test_sizes_are_bounded() -> None:
    with pytest.raises(PolicyInvalid, match="larger than 1 MiB"):
        parsed("#" * (1 << 20) + "\n")
    with pytest.raises(PolicyInvalid):
        parsed("[" * 20_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused(content: bytes) -> None:
    try:
        parse_policy(content, WORDS)
    except PolicyInvalid:
        return
    raise AssertionError("no short text is a policy")


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def replace(text: str) -> Path:
        path = tmp_path / "policy.yaml"
        path.with_suffix(".new").write_text(text)
        os.replace(path.with_suffix(".new"), path)  # noqa: PTH105 - the atomic way, by name
        return path

    return replace


def test_a_changed_file_takes_effect(write: Callable[[str], Path]) -> None:
    loaded: list[int] = []
    file = PolicyFile(
        write(GOOD), WORDS, on_loaded=lambda policy: loaded.append(len(policy.identities))
    )
    assert file.identify([BOTH]) is not None
    assert not file.poll()
    write(GOOD.replace("demo/both", "demo/renamed"))
    assert file.poll()
    assert file.identify([BOTH]) is None
    assert file.policy.identify(["spiffe://demo/renamed"]) is not None
    assert loaded == [2, 2]


def test_a_bad_or_missing_file_keeps_the_last_good_one(
    write: Callable[[str], Path], failures: list[str]
) -> None:
    path = write(GOOD)
    file = PolicyFile(path, WORDS, on_failure=failures.append)
    write(GOOD.replace("[tokenize, read]", "[fly]"))
    assert not file.poll()
    assert not file.poll()  # told once
    assert failures == ["policy: roles.merchant.allow[0]: no such permission"]
    path.unlink()
    assert not file.poll()
    assert file.failures == 2
    assert file.identify([APP]) is not None
    write(GOOD.replace("demo/app", "demo/back"))
    assert file.poll()
    assert file.identify([APP]) is None


def test_a_service_does_not_start_without_a_policy(
    tmp_path: Path, write: Callable[[str], Path]
) -> None:
    with pytest.raises(OSError, match="No such file"):
        PolicyFile(tmp_path / "none.yaml", WORDS)
    with pytest.raises(PolicyInvalid):
        PolicyFile(write("[]"), WORDS)
