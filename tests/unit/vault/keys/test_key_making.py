"""Missing keys are made once, and a wrapped key opens for its own use only."""

import pytest

from tests.doubles.vault_ports_keys import FakeKeyStore, FakeKms
from vault.crypto.keys import DataKey, KeyPurpose, KeyState
from vault.domain.reasons import Reason, VaultError
from vault.usecases.key_making import TENANT_PURPOSES, KeyMaker, Unwrapped, tenant_keys
from vault.usecases.ports import CommitInDoubt, StoreBroken, StoreFull, StoreUnavailable


@pytest.fixture
def store() -> FakeKeyStore:
    return FakeKeyStore()


@pytest.fixture
def kms() -> FakeKms:
    return FakeKms()


@pytest.fixture
def maker(store: FakeKeyStore, kms: FakeKms) -> KeyMaker:
    return KeyMaker(store, kms, lambda: 1_000)


async def test_a_new_tenant_gets_one_active_key_a_purpose(
    maker: KeyMaker, store: FakeKeyStore
) -> None:
    unwrapped = await maker.unwrapped("acme", TENANT_PURPOSES)
    assert [row.purpose for row in store.rows] == [purpose.value for purpose in TENANT_PURPOSES]
    assert {each.row.state for each in unwrapped} == {KeyState.ACTIVE}
    assert {each.row.kek for each in unwrapped} == {"fake:1"}
    assert {each.row.created for each in unwrapped} == {1_000}
    assert len({each.secret for each in unwrapped}) == len(TENANT_PURPOSES)
    assert len({each.row.key_id for each in unwrapped}) == len(TENANT_PURPOSES)
    assert {len(each.secret) for each in unwrapped} == {32}
    assert not any(each.secret in each.row.wrapped for each in unwrapped)


async def test_the_second_look_finds_the_same_keys(maker: KeyMaker, store: FakeKeyStore) -> None:
    first = await maker.unwrapped("acme", TENANT_PURPOSES)
    second = await maker.unwrapped("acme", TENANT_PURPOSES)
    assert sorted(first) == sorted(second)
    assert store.adds == 1


async def test_tenants_share_no_key(maker: KeyMaker) -> None:
    one = await maker.unwrapped("acme", TENANT_PURPOSES)
    other = await maker.unwrapped("bolt", TENANT_PURPOSES)
    assert not {each.secret for each in one} & {each.secret for each in other}


async def test_whoever_makes_a_key_first_wins(
    maker: KeyMaker, store: FakeKeyStore, kms: FakeKms
) -> None:
    rival_store = FakeKeyStore()
    rival = KeyMaker(rival_store, kms, lambda: 999)
    theirs = await rival.unwrapped("acme", TENANT_PURPOSES)
    store.rival = rival_store.rows
    ours = await maker.unwrapped("acme", TENANT_PURPOSES)
    assert sorted(ours) == sorted(theirs)
    assert len(store.rows) == len(TENANT_PURPOSES)


async def test_only_the_missing_purpose_is_made(maker: KeyMaker, store: FakeKeyStore) -> None:
    before = await maker.unwrapped("acme", [KeyPurpose.RECORD])
    after = await maker.unwrapped("acme", [KeyPurpose.RECORD, KeyPurpose.CURSOR])
    assert before[0] in after
    assert len(after) == 2
    assert store.adds == 2


async def test_a_purpose_with_retired_keys_only_gets_an_active_one(
    maker: KeyMaker, store: FakeKeyStore
) -> None:
    await maker.unwrapped("acme", [KeyPurpose.RECORD])
    store.rows = [row._replace(state=KeyState.RETIRED.value) for row in store.rows]
    unwrapped = await maker.unwrapped("acme", [KeyPurpose.RECORD])
    assert [each.row.state for each in unwrapped] == [KeyState.ACTIVE, KeyState.RETIRED]


async def test_retired_keys_open_and_do_not_seal(maker: KeyMaker, store: FakeKeyStore) -> None:
    await maker.unwrapped("acme", TENANT_PURPOSES)
    old = {row.purpose: row.key_id for row in store.rows}
    store.rows = [row._replace(state=KeyState.RETIRED.value) for row in store.rows]
    keys = tenant_keys("acme", await maker.unwrapped("acme", TENANT_PURPOSES))
    assert keys.record.key_id != old[KeyPurpose.RECORD]
    assert set(keys.records) == {keys.record.key_id, old[KeyPurpose.RECORD]}
    assert keys.fingerprints[0].key_id != old[KeyPurpose.FINGERPRINT]
    assert keys.fingerprints[1].key_id == old[KeyPurpose.FINGERPRINT]
    assert keys.requests[1].key_id == old[KeyPurpose.REQUEST]


@pytest.mark.parametrize("field", ["tenant", "purpose", "key_id"])
async def test_a_wrapped_key_moved_elsewhere_never_opens(
    maker: KeyMaker, store: FakeKeyStore, field: str
) -> None:
    await maker.unwrapped("acme", [KeyPurpose.RECORD])
    moved: dict[str, DataKey] = {
        "tenant": store.rows[0]._replace(tenant="bolt"),
        "purpose": store.rows[0]._replace(purpose=KeyPurpose.CURSOR.value),
        "key_id": store.rows[0]._replace(key_id=bytes(8)),
    }
    store.rows = [moved[field]]
    with pytest.raises(VaultError) as refused:
        await maker.unwrapped(moved[field].tenant, [KeyPurpose(moved[field].purpose)])
    assert refused.value.reason is Reason.DATA_CORRUPT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (StoreFull(), Reason.STORAGE_FULL),
        (StoreUnavailable(), Reason.STORE_UNAVAILABLE),
    ],
    ids=["full", "unavailable"],
)
async def test_a_store_in_trouble_is_a_refusal(
    maker: KeyMaker, store: FakeKeyStore, fault: StoreFull, reason: Reason
) -> None:
    store.fault = fault
    with pytest.raises(VaultError) as refused:
        await maker.unwrapped("acme", TENANT_PURPOSES)
    assert refused.value.reason is reason


async def test_a_broken_store_is_not_hidden(maker: KeyMaker, store: FakeKeyStore) -> None:
    store.fault = StoreBroken()
    with pytest.raises(StoreBroken):
        await maker.unwrapped("acme", TENANT_PURPOSES)


class _NeverSure(FakeKeyStore):
    async def add_data_keys(self, keys: object) -> None:
        self.adds += 1
        raise CommitInDoubt


async def test_commits_in_doubt_are_looked_up_a_bounded_number_of_times(kms: FakeKms) -> None:
    store = _NeverSure()
    with pytest.raises(VaultError) as refused:
        await KeyMaker(store, kms, lambda: 0).unwrapped("acme", [KeyPurpose.CURSOR])
    assert refused.value.reason is Reason.STORE_UNAVAILABLE
    assert store.adds == 4


async def test_a_secret_of_the_wrong_size_is_refused(
    maker: KeyMaker, store: FakeKeyStore, kms: FakeKms
) -> None:
    row = DataKey(b"k" * 8, "acme", "record", "ACTIVE", 0, "fake:1", b"")
    store.rows = [row._replace(wrapped=await kms.wrap(b"short", row.context()))]
    with pytest.raises(VaultError) as refused:
        await maker.unwrapped("acme", [KeyPurpose.RECORD])
    assert refused.value.reason is Reason.DATA_CORRUPT


def test_an_unwrapped_key_does_not_print_its_secret() -> None:
    row = DataKey(b"k" * 8, "acme", "record", "ACTIVE", 0, "fake:1", b"")
    assert "secret" not in repr(Unwrapped(row, b"secret"))
