"""Where in a database's files each column of each row lies, by SQLite's file format.

SQL can't flip a bit as a disk does: it would keep indexes, lengths and checksums in step. So the
B-trees are read here, from the database file and the log over it (sqlite.org/fileformat2.html).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

_FRAME: Final = 24
_WAL_HEADER: Final = 32
_INTERIOR: Final = frozenset({2, 5})
_TABLE_LEAF, _TABLE_INTERIOR = 13, 5


class Piece(NamedTuple):
    """Bytes of a file: `db`, or the `wal` beside it."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One value of one row as stored: in `table`, or in an index of that name.

    `row` are the row's values by column. `name` in parentheses is what is around values: the
    lengths and types of a record, and its row id.
    """

    table: str
    name: str
    row: Mapping[str, Any]
    pieces: tuple[Piece, ...]

    @property
    def length(self) -> int:
        """The bytes that the value takes."""
        return sum(piece.length for piece in self.pieces)

    def byte(self, index: int) -> tuple[str, int]:
        """Return the file and offset of one of its bytes."""
        for piece in self.pieces:
            if index < piece.length:
                return piece.file, piece.offset + index
            index -= piece.length
        raise IndexError("the value is not that long")


class _Tree(NamedTuple):
    name: str
    root: int
    columns: tuple[str, ...]
    rowid: str  # the column that the row id is, or "(rowid)"


class CellMap:
    """All columns of a database with its log, and what any byte of the two files belongs to."""

    def __init__(self, path: Path) -> None:
        db, log = path.read_bytes(), path.with_name(path.name + "-wal")
        self._wal: Final = log.read_bytes() if log.exists() else b""
        self._db: Final = db
        self._size: Final = struct.unpack(">H", db[16:18])[0] % 65_535
        self._frames: Final = _frames(self._wal, self._size)
        self.sizes: Final = {"db": len(db), "wal": len(self._wal)}
        self._objects: dict[tuple[str, int], str] = {}
        self.columns: Final[list[Column]] = []
        for tree in _trees(path):
            self.columns.extend(self._walk(tree))
        pieces = [(piece, each) for each in self.columns for piece in each.pieces if piece.length]
        pieces.sort(key=lambda pair: pair[0])
        self._pieces: Final = pieces
        self._starts: Final = [piece[:2] for piece, _column in pieces]

    def column_at(self, file: str, offset: int) -> Column | None:
        """Return the column that a byte belongs to; None for what is between values."""
        at = bisect_right(self._starts, (file, offset)) - 1
        if at < 0:
            return None
        piece, column = self._pieces[at]
        inside = piece.file == file and offset < piece.offset + piece.length
        return column if inside else None

    def object_at(self, file: str, offset: int) -> str:
        """Name the table or index whose page a byte is on; "" for none that is in use."""
        if file == "wal":
            start = (offset - _WAL_HEADER) // (_FRAME + self._size)
            at = _WAL_HEADER + start * (_FRAME + self._size) + _FRAME
            return self._objects.get((file, at), "") if offset >= at else ""
        return self._objects.get((file, offset - offset % self._size), "")

    def _page(self, number: int) -> tuple[str, int, bytes]:
        """Return where a page's newest content is, and the content."""
        at = self._frames.get(number)
        if at is not None:
            return "wal", at, self._wal[at : at + self._size]
        at = (number - 1) * self._size
        return "db", at, self._db[at : at + self._size]

    def _walk(self, tree: _Tree) -> Iterator[Column]:
        waiting = [tree.root]
        while waiting:
            number = waiting.pop()
            file, start, page = self._page(number)
            self._objects[file, start] = tree.name
            head = 100 if number == 1 else 0
            kind, count = page[head], struct.unpack(">H", page[head + 3 : head + 5])[0]
            first = head + (12 if kind in _INTERIOR else 8)
            if kind in _INTERIOR:
                waiting.append(struct.unpack(">I", page[head + 8 : head + 12])[0])
            for (at,) in struct.iter_unpack(">H", page[first : first + 2 * count]):
                begin = at
                if kind in _INTERIOR:
                    waiting.append(struct.unpack(">I", page[at : at + 4])[0])
                    begin = at + 4
                if kind != _TABLE_INTERIOR:
                    yield from self._cell(tree, kind, (file, start), page, begin)

    def _cell(
        self, tree: _Tree, kind: int, home: tuple[str, int], page: bytes, at: int
    ) -> list[Column]:
        size, begin = _varint(page, at)
        rowid = None
        if kind == _TABLE_LEAF:
            rowid, begin = _varint(page, begin)
        pieces = self._payload(kind, home, page, begin, size)
        record = b"".join(self._bytes_of(piece) for piece in pieces)
        file, start = home
        around = Piece(file, start + at, begin - at)
        return _columns(tree, record, rowid, around, pieces)

    def _payload(
        self, kind: int, home: tuple[str, int], page: bytes, at: int, size: int
    ) -> list[Piece]:
        """Return a payload's pieces: on the page, and on its overflow pages."""
        file, start = home
        usable = self._size
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return [Piece(file, start + at, size)]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        pieces, left = [Piece(file, start + at, local)], size - local
        (following,) = struct.unpack(">I", page[at + local : at + local + 4])
        while left:
            file, start, page = self._page(following)
            pieces.append(Piece(file, start + 4, min(left, usable - 4)))
            left -= pieces[-1].length
            (following,) = struct.unpack(">I", page[:4])
        return pieces

    def _bytes_of(self, piece: Piece) -> bytes:
        source = self._wal if piece.file == "wal" else self._db
        return source[piece.offset : piece.offset + piece.length]


def _frames(wal: bytes, size: int) -> dict[int, int]:
    """Return where the log has each page's newest committed content."""
    found: dict[int, int] = {}
    since: dict[int, int] = {}
    for at in range(_WAL_HEADER, len(wal) - size - _FRAME + 1, size + _FRAME):
        page, commit = struct.unpack(">II", wal[at : at + 8])
        if wal[at + 8 : at + 16] != wal[16:24]:
            break  # left over from before the log was begun again
        since[page] = at + _FRAME
        if commit:
            found |= since
            since = {}
    return found


def _trees(path: Path) -> list[_Tree]:
    """Return the B-trees and the order of the columns in each one's records."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    trees = [_Tree("sqlite_schema", 1, ("type", "name", "tbl_name", "rootpage", "sql"), "(rowid)")]
    rows = list(db.execute("SELECT type, name, tbl_name, rootpage FROM sqlite_schema"))
    clustered = {row[0] for row in db.execute("SELECT name FROM pragma_table_list WHERE wr")}
    for kind, name, table, root in rows:
        if kind == "index":
            # The index of a WITHOUT ROWID table's key is the table itself, and has its page.
            trees.append(_Tree(name, root, _names(db, "index", name), "(rowid)"))
        elif table in clustered:
            key = next(
                row[0]
                for row in db.execute(
                    "SELECT name FROM pragma_index_list(?) WHERE origin='pk'", (name,)
                )
            )
            trees.append(_Tree(name, root, _names(db, "index", key), "(rowid)"))
        else:
            names = _names(db, "table", name)
            own = [
                row[0]
                for row in db.execute(
                    "SELECT name FROM pragma_table_info(?) WHERE pk=1 AND type='INTEGER'", (name,)
                )
            ]
            trees.append(_Tree(name, root, names, own[0] if own else "(rowid)"))
    db.close()
    return trees


def _names(db: apsw.Connection, kind: str, name: str) -> tuple[str, ...]:
    sql = f"SELECT name FROM pragma_{kind}_xinfo(?)"  # noqa: S608 - one of two words
    return tuple(row[0] or "(rowid)" for row in db.execute(sql, (name,)))


def _columns(
    tree: _Tree, record: bytes, rowid: int | None, around: Piece, pieces: list[Piece]
) -> list[Column]:
    """Return a record's columns, from its types."""
    end, at = _varint(record, 0)
    types = []
    while at < end:
        kind, at = _varint(record, at)
        types.append(kind)
    row: dict[str, Any] = {} if rowid is None else {"(rowid)": rowid}
    found = [
        Column(tree.name, tree.rowid if rowid is not None else "(length)", row, (around,)),
        Column(tree.name, "(types)", row, _cut(pieces, 0, end)),
    ]
    at = end
    for name, kind in zip(tree.columns, types, strict=False):
        length = _length(kind)
        value = _value(kind, record[at : at + length])
        row[name] = rowid if name == tree.rowid and rowid is not None else value
        if length:
            found.append(Column(tree.name, name, row, _cut(pieces, at, length)))
        at += length
    return found


def _cut(pieces: list[Piece], start: int, length: int) -> tuple[Piece, ...]:
    """Return the pieces that hold a stretch of a payload."""
    found = []
    for piece in pieces:
        begin, end = max(start, 0), min(start + length, piece.length)
        if begin < end:
            found.append(Piece(piece.file, piece.offset + begin, end - begin))
        start -= piece.length
        if start + length <= 0:
            break
    return tuple(found)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[at + index]
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    raise AssertionError("a varint has nine bytes at most")


def _length(kind: int) -> int:
    if kind < 12:
        return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
    return (kind - 12) // 2


def _value(kind: int, data: bytes) -> Any:
    if kind == 0:
        return None
    if kind in {8, 9}:
        return kind - 8
    if kind < 7:
        return int.from_bytes(data, "big", signed=True)
    return data.decode(errors="replace") if kind % 2 else data
