"""SQL expressions of sync files over the columns of the sources: read, checked, and evaluated batch by batch.

DuckDB evaluates them; it is imported when an expression is used. An expression sees no tables and no files. A text
column that is compared with a number or a time is read as one; a value that cannot be is the row's own problem.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.rows.problems import Problems

TYPES = ("VARCHAR", "DOUBLE", "TIMESTAMP")  # what a text column may be read as, in the order of trying
_IN_WORDS = {"DOUBLE": "number", "TIMESTAMP": "time"}
_REFUSED = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "STAR": "*", "PARAMETER": "a parameter"}
_NUMBERS = {"INTEGER", "DECIMAL", "FLOAT", "DOUBLE", "BIGINT", "NUMERIC", "HUGEINT"}
_MOST_TEXTS = 6  # text columns whose types are tried in every combination


@dataclass(frozen=True)
class Term:
    """One expression, its columns named ``c0``, ``c1`` … in the order of ``columns``.

    :param numbers: the text columns among them that stand beside a number
    """

    tree: str
    columns: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class Expression:
    """A ``where`` or ``order_by`` of a sync file.

    :param key: its place in the file, such as ``rows.where``
    """

    key: str
    text: str
    terms: tuple[Term, ...] = field(repr=False)

    @property
    def columns(self) -> list[str]:
        """The columns it reads, as the sync file names them."""
        return list(dict.fromkeys(".".join(path) for term in self.terms for path in term.columns))


def condition(key: str, text: str) -> Expression:
    """Read a condition.

    :raises ConfigurationError: it is no single SQL expression over columns
    """
    node = _parsed(key, text, f"SELECT ({text}\n)")
    return Expression(key, text, (_term(key, text, node["select_list"][0]),))


def ordering(key: str, text: str) -> Expression:
    """Read what rows are ordered by: expressions, each with ``asc`` or ``desc``; nulls come last unless told.

    :raises ConfigurationError: it is no list of SQL expressions over columns
    """
    node = _parsed(key, text, f"SELECT 1 ORDER BY {text}\n")
    orders = [order for modifier in node["modifiers"] for order in modifier.get("orders", ())]
    if not orders or len(node["modifiers"]) != 1:
        raise _wrong(key, text, "it names no order")
    return Expression(
        key,
        text,
        tuple(
            _term(
                key,
                text,
                order["expression"],
                descending=order["type"] == "DESCENDING",
                nulls_first="FIRST" in order["null_order"],
            )
            for order in orders
        ),
    )


def _wrong(key: str, text: str, why: str, remedy: str | None = None) -> ConfigurationError:
    return ConfigurationError(f"'{text}': {why}", where=key, remedy=remedy)


def _connection() -> Any:
    import duckdb

    settings: dict[str, Any] = {"threads": "1", "enable_external_access": "false", "autoload_known_extensions": "false"}
    return duckdb.connect(":memory:", config=settings)


@cache
def _functions() -> dict[str, str]:
    found = _connection().execute("SELECT function_name, max(function_type) FROM duckdb_functions() GROUP BY 1")
    return dict(found.fetchall())


def _parsed(key: str, text: str, statement: str) -> dict[str, Any]:
    raw = _connection().execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchall()[0][0]
    tree = orjson.loads(raw)
    if tree.get("error"):
        raise _wrong(key, text, f"no SQL ({' '.join(str(tree.get('error_message')).split())})")
    nodes = [each["node"] for each in tree["statements"]]
    plain = len(nodes) == 1 and nodes[0]["type"] == "SELECT_NODE" and nodes[0]["from_table"]["type"] == "EMPTY"
    if not plain or len(nodes[0]["select_list"]) != 1 or nodes[0].get("where_clause"):
        raise _wrong(key, text, "write one expression over columns, not a query")
    return dict(nodes[0])


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _walk(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _walk(inner)


def _term(
    key: str, text: str, expression: dict[str, Any], *, descending: bool = False, nulls_first: bool = False
) -> Term:
    paths: dict[tuple[str, ...], int] = {}
    for node in _walk(expression):
        if refused := _REFUSED.get(node.get("class", "")):
            raise _wrong(key, text, f"{refused} cannot be used here")
        _check_function(key, text, node)
    numbers = _beside_numbers(expression)
    for node in _walk(expression):
        if node.get("class") == "COLUMN_REF":
            path = tuple(node["column_names"])
            node["column_names"] = [f"c{paths.setdefault(path, len(paths))}"]
    if not paths:
        raise _wrong(key, text, "it names no column")
    chosen = frozenset(number for path, number in paths.items() if path in numbers)
    return Term(orjson.dumps(expression).decode(), tuple(paths), chosen, descending, nulls_first)


def _check_function(key: str, text: str, node: dict[str, Any]) -> None:
    if node.get("class") != "FUNCTION" or node.get("is_operator"):
        return
    name = str(node["function_name"]).lower()
    kind = _functions().get(name)
    if kind is None:
        raise _wrong(key, text, f"there is no function '{name}'", did_you_mean(name, _functions()))
    if kind not in {"scalar", "macro"}:
        raise _wrong(key, text, f"{name}() is about many rows; a row is looked at alone")


def _beside_numbers(expression: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the columns that are compared with a number as it stands in the expression."""
    found: set[tuple[str, ...]] = set()
    for node in _walk(expression):
        if node.get("class") not in {"COMPARISON", "BETWEEN", "OPERATOR"}:
            continue
        parts = [inner for part in node.values() for inner in (part if isinstance(part, list) else [part])]
        parts = [part for part in parts if isinstance(part, dict)]
        if any(_is_number(part) for part in parts):
            found |= {tuple(part["column_names"]) for part in parts if part.get("class") == "COLUMN_REF"}
    return found


def _is_number(node: dict[str, Any]) -> bool:
    if node.get("class") != "CONSTANT":
        return False
    literal = node.get("literal") or node.get("value") or {}
    kind = literal.get("kind") or (literal.get("type") or {}).get("id")
    return kind in _NUMBERS


class Evaluator:
    """Evaluates one expression over batches of whatever columns.

    :param main: the name of the first source, whose columns may be named with it or alone
    """

    def __init__(self, expression: Expression, main: str | None = None) -> None:
        self.expression = expression
        self._main = main
        self._database = _connection()
        self._compiled: dict[tuple[str, str], _Query] = {}

    def flags(self, rows: pa.RecordBatch, problems: Problems) -> list[bool]:
        """Return for each row whether the condition holds; null counts as no. Values that do not fit are problems."""
        (term,) = self.expression.terms
        query = self._query(term, rows.schema)
        if query.type not in {"BOOLEAN", '"NULL"'}:
            raise _wrong(self.expression.key, self.expression.text, f"gives {query.type}, not true or false")
        flags = self._run(query, f"({query.sql})", rows, problems).to_pylist()
        return [bool(flag) for flag in flags]

    def ranks(self, rows: pa.RecordBatch, problems: Problems) -> dict[str, pa.Array]:
        """Return the columns to sort by, two for each term: ``n0`` the value as a number or time, ``t0`` as text."""
        ranks: dict[str, pa.Array] = {}
        for index, term in enumerate(self.expression.terms):
            query = self._query(term, rows.schema)
            number, text = _sortable(query)
            ranks[f"n{index}"] = self._run(query, number, rows, problems).cast(pa.float64())
            ranks[f"t{index}"] = self._run(query, text, rows, problems).cast(pa.string())
        return ranks

    def _query(self, term: Term, schema: pa.Schema) -> _Query:
        cached = (term.tree, schema.to_string())
        if cached not in self._compiled:
            self._compiled[cached] = self._compile(term, schema)
        return self._compiled[cached]

    def _compile(self, term: Term, schema: pa.Schema) -> _Query:
        sources = [self._source(path, schema) for path in term.columns]
        texts = [i for i, (name, rest) in enumerate(sources) if not rest and _is_text(schema.field(name).type)]
        sql = self._sql(term)
        failure = ""
        for types in _combinations(texts[:_MOST_TEXTS], term.numbers):
            columns = ", ".join(_read(i, *source, types.get(i)) for i, source in enumerate(sources))
            inner = f"SELECT {columns} FROM rows"  # noqa: S608
            try:
                self._database.register("rows", schema.empty_table())
                described = self._database.execute(f"DESCRIBE SELECT ({sql}) FROM ({inner})").fetchall()  # noqa: S608
            except Exception as error:  # DuckDB's own, of many kinds
                failure = failure or str(error).splitlines()[0]
            else:
                casts = [(sources[i][0], kind) for i, kind in types.items() if kind != "VARCHAR"]
                return _Query(sql, inner, str(described[0][1]), casts)
        raise _wrong(self.expression.key, self.expression.text, failure, f"Columns: {_named(schema)}.")

    def _sql(self, term: Term) -> str:
        tree = {"error": False, "statements": [{"node": _parsed("", "1", "SELECT (1\n)")}]}
        tree["statements"][0]["node"]["select_list"] = [orjson.loads(term.tree)]  # type: ignore[index]
        given = [orjson.dumps(tree).decode()]
        text = str(self._database.execute("SELECT json_deserialize_sql(?::JSON)", given).fetchall()[0][0])
        return text.removeprefix("SELECT ")

    def _source(self, path: tuple[str, ...], schema: pa.Schema) -> tuple[str, tuple[str, ...]]:
        """Return the column that a name stands for, and the fields below it."""
        names = {name.lower(): name for name in schema.names}
        if len(path) > 1 and path[0] == self._main:
            path = path[1:]
        for length in range(len(path), 0, -1):
            named = ".".join(path[:length])
            if named in schema.names or named.lower() in names:
                return named if named in schema.names else names[named.lower()], path[length:]
        wanted = ".".join(path)
        raise _wrong(
            self.expression.key,
            self.expression.text,
            f"there is no column '{wanted}'",
            f"{did_you_mean(wanted, schema.names)} Columns: {_named(schema)}.",
        )

    def _run(self, query: _Query, selected: str, rows: pa.RecordBatch, problems: Problems) -> pa.Array:
        self._database.register("rows", pa.Table.from_batches([rows]))
        for column, kind in query.casts:
            checked = f"trim({_quoted(column)}) <> '' AND TRY_CAST({_quoted(column)} AS {kind}) IS NULL"
            sql = f"SELECT coalesce({checked}, false) AS bad FROM rows"  # noqa: S608
            bad = self._database.sql(sql).to_arrow_table().column("bad").to_pylist()
            for index in (index for index, wrong in enumerate(bad) if wrong):
                value = rows.column(column)[index].as_py()
                why = f"'{value}' is no {_IN_WORDS[kind]}, as {self.expression.key} takes {column} for"
                problems.add(index, "bad_value", f"{self.expression.key} ({column})", value, why)
        try:
            sql = f"SELECT {selected} AS answer FROM ({query.inner})"  # noqa: S608
            answer = self._database.sql(sql).to_arrow_table().column("answer").combine_chunks()
        except Exception as error:  # DuckDB's own, of many kinds
            why = str(error).splitlines()[0]
            raise _wrong(self.expression.key, self.expression.text, why, f"Columns: {_named(rows.schema)}.") from None
        return answer


@dataclass(frozen=True)
class _Query:
    sql: str
    inner: str
    type: str
    casts: Sequence[tuple[str, str]]


def _combinations(texts: Sequence[int], numbers: frozenset[int]) -> Iterator[dict[int, str]]:
    """Yield what text columns may be read as, the fewest changes first."""
    options = [("DOUBLE", "VARCHAR", "TIMESTAMP") if i in numbers else TYPES for i in texts]
    ranked = sorted(
        itertools.product(*options), key=lambda kinds: sum(o.index(k) for o, k in zip(options, kinds, strict=True))
    )
    for kinds in ranked:
        yield dict(zip(texts, kinds, strict=True))


def _read(number: int, name: str, rest: tuple[str, ...], kind: str | None) -> str:
    column = ".".join(_quoted(part) for part in (name, *rest)) if rest else _quoted(name)
    if kind not in {None, "VARCHAR"}:
        column = f"TRY_CAST({column} AS {kind})"
    return f"{column} AS c{number}"


def _sortable(query: _Query) -> tuple[str, str]:
    if query.type == "VARCHAR":  # numbers in text sort as numbers, before other text
        return f"TRY_CAST(({query.sql}) AS DOUBLE)", f"({query.sql})"
    if query.type.startswith(("TIMESTAMP", "DATE")):
        return f"epoch_us(CAST(({query.sql}) AS TIMESTAMP))", "NULL"
    return f"TRY_CAST(({query.sql}) AS DOUBLE)", "NULL"


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _named(schema: pa.Schema) -> str:
    return ", ".join(name for name in schema.names if name.isprintable())
