"""The tree of RFC 6962, against Certificate Transparency's own vectors and a slow definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.merkle import (
    EMPTY_ROOT,
    CompactRange,
    includes,
    inclusion_path,
    leaf_hash,
    node_hash,
    sibling_spans,
)

# Inputs and roots of certificate-transparency's merkle_tree_test.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def _slow_root(leaves: list[bytes]) -> bytes:
    """Return MTH as RFC 6962, section 2.1 defines it, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(_slow_root(leaves[:middle]), _slow_root(leaves[middle:]))


def _slow_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return PATH as RFC 6962, section 2.1.1 defines it."""
    if len(leaves) < 2:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if index < middle:
        return [*_slow_path(index, leaves[:middle]), _slow_root(leaves[middle:])]
    return [*_slow_path(index - middle, leaves[middle:]), _slow_root(leaves[:middle])]


def _hashes(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def test_known_roots() -> None:
    tree = CompactRange()
    assert tree.root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.append(leaf_hash(leaf))
        assert tree.root().hex() == root


@given(size=st.integers(0, 200), cut=st.integers(0, 200))
def test_a_tree_grown_in_two_lives_is_the_same(size: int, cut: int) -> None:
    leaves = _hashes(size)
    tree = CompactRange()
    for number, leaf in enumerate(leaves):
        if number == cut:
            tree = CompactRange(tree.size, tree.nodes)
        tree.append(leaf)
    assert tree.size == size
    assert tree.root() == _slow_root(leaves)
    assert len(tree.nodes) == size.bit_count()


@given(data=st.data(), size=st.integers(1, 130))
def test_paths_are_those_of_the_rfc_and_prove(data: st.DataObject, size: int) -> None:
    leaves = _hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(iter(leaves), index, size)
    root = _slow_root(leaves)
    assert path == _slow_path(index, leaves)
    assert includes(leaves[index], index, size, path, root)
    wrong = data.draw(st.integers(0, size + 3))
    if wrong != index:
        assert not includes(leaves[index], wrong, size, path, root)
    assert not includes(leaves[index], index, size, [*path, root], root)
    assert not includes(leaf_hash(b"other"), index, size, path, root)
    if path:
        assert not includes(leaves[index], index, size, path[:-1], root)


def test_a_leaf_is_no_node() -> None:
    left, right = _hashes(2)
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)], ids=["none", "low", "high"])
def test_leaves_outside_have_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        sibling_spans(index, size)
    assert not includes(bytes(32), index, size, [], bytes(32))


def test_too_few_leaves_are_noticed() -> None:
    with pytest.raises(ValueError, match="smaller"):
        inclusion_path(iter(_hashes(4)), 0, 5)


@pytest.mark.parametrize(
    ("size", "nodes"),
    [(1, []), (3, [bytes(32)]), (1, [bytes(31)]), (-1, [])],
    ids=["none", "few", "short", "negative"],
)
def test_nodes_must_fit_the_size(size: int, nodes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="one node"):
        CompactRange(size, nodes)
