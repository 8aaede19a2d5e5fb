"""A sweep as data: what other libraries take from it, what its files cost, and how sweeps are put together."""

import gc
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

import fanin
from fanin import arrow
from fanin.rows import KINDS, PLACE, RATES, STORED
from fanin.table import Table

Make = Callable[..., fanin.Sweep]


class Shelf:
    """Columns of every type, with holes."""

    kinds: ClassVar = {
        "whole": "int",
        "hole": "int | None",
        "none": "int | None",
        "real": "float | None",
        "word": "str",
        "words": "str | None",
        "flag": "bool",
        "flags": "bool | None",
    }

    def __init__(self, rows: int, seed: int = 0) -> None:
        draw = random.Random(seed)
        some: dict[str, Callable[[], Any]] = {
            "int": lambda: draw.randrange(-(2**63), 2**63),
            "float": lambda: draw.choice([0.0, -1.5, 1e300, draw.random()]),
            "str": lambda: draw.choice(["", "a", "swap/batch", "é", "日本", "\0x", "𝄞", "x" * 300]),
            "bool": lambda: draw.random() < 0.5,
        }
        self.columns = {
            name: tuple(
                None if "None" in kind and draw.random() < 0.3 else some[kind.split()[0]]() for _ in range(rows)
            )
            for name, kind in self.kinds.items()
        }
        self.columns["none"] = (None,) * rows

    def rows(self) -> list[tuple[Any, ...]]:
        return list(zip(*self.columns.values(), strict=True))

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows()]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return arrow.stream(self.columns, self.kinds)


SIZES = (0, 1, 7, 8, 9, 64, 1000)


@pytest.fixture(autouse=True)
def nothing_stays_lent() -> Any:
    gc.collect()
    before = len(arrow.LENT)
    yield
    gc.collect()
    assert len(arrow.LENT) == before


# --- the stream ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", SIZES)
def test_pyarrow_takes_it(rows: int) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    shelf = Shelf(rows)
    table = pyarrow.table(shelf)
    table.validate(full=True)
    assert table.to_pylist() == shelf.dicts()
    assert [str(field.type) for field in table.schema] == ["int64"] * 3 + ["double"] + ["string"] * 2 + ["bool"] * 2
    assert [column.null_count for column in table.columns] == [c.count(None) for c in shelf.columns.values()]


@pytest.mark.parametrize("rows", SIZES)
def test_polars_takes_it(rows: int) -> None:
    polars = pytest.importorskip("polars")
    shelf = Shelf(rows)
    assert polars.DataFrame(shelf).rows() == shelf.rows()
    kept = polars.DataFrame(shelf).lazy().filter(polars.col("flag")).sort("whole").collect()
    assert kept.rows() == sorted((row for row in shelf.rows() if row[6]), key=lambda row: row[0])


@pytest.mark.parametrize("rows", SIZES)
def test_nanoarrow_takes_it(rows: int) -> None:
    nanoarrow = pytest.importorskip("nanoarrow")
    shelf = Shelf(rows)
    assert list(nanoarrow.ArrayStream(shelf).read_all().iter_tuples()) == shelf.rows()


@pytest.mark.parametrize("rows", SIZES)
def test_duckdb_takes_it(rows: int) -> None:
    duckdb = pytest.importorskip("duckdb")
    shelf = Shelf(rows)
    with duckdb.connect() as connection:
        connection.register("shelf", shelf)
        assert connection.sql("select * from shelf").fetchall() == shelf.rows()
        count = connection.sql("select count(*) from shelf where words is null").fetchall()
        assert count == [(shelf.columns["words"].count(None),)]


def test_a_part_outlives_the_whole() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    shelf = Shelf(100)
    table = pyarrow.table(shelf)
    column = table["words"].slice(10, 50)
    del table
    gc.collect()
    assert column.to_pylist() == list(shelf.columns["words"][10:60])


def test_a_stream_that_nobody_takes_goes() -> None:
    before = len(arrow.LENT)
    capsule = Shelf(3).__arrow_c_stream__()
    assert type(capsule).__name__ == "PyCapsule"
    assert len(arrow.LENT) == before + 1
    del capsule
    assert len(arrow.LENT) == before


def test_the_capsule_outlives_the_stream_that_was_taken_out_of_it() -> None:
    """Its destructor looks at its own structure, which must still be there when the consumer is long done."""
    pyarrow = pytest.importorskip("pyarrow")
    capsules = []
    for _ in range(50):
        shelf = Shelf(3)
        capsule = shelf.__arrow_c_stream__()
        capsules.append(capsule)
        pyarrow.RecordBatchReader._import_from_c_capsule(capsule).read_all()
        gc.collect()
    assert len(arrow._CAPSULES) >= 50
    before = len(arrow._CAPSULES)
    del capsule, capsules
    gc.collect()
    assert len(arrow._CAPSULES) == before - 50


def test_it_can_be_taken_again_and_in_threads(make_sweep: Make) -> None:
    polars = pytest.importorskip("polars")
    from concurrent.futures import ThreadPoolExecutor

    sweep = make_sweep()
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(lambda _: polars.DataFrame(sweep).filter(polars.col("producers") > 1), range(40)))
    assert {frame.height for frame in frames} == {18}


EXIT = """
import sys, importlib
sys.path.insert(0, sys.argv[1])
from test_data import Shelf
modules = []
for name in ("polars", "pyarrow", "nanoarrow"):
    try:
        modules.append(importlib.import_module(name))
    except ImportError:
        pass
kept = [getattr(m, "table", getattr(m, "DataFrame", getattr(m, "ArrayStream", None)))(Shelf(50)) for m in modules]
capsule = Shelf(5).__arrow_c_stream__()

class Holder:
    held = (*kept, Shelf(3).__arrow_c_stream__())

    def method(self):
        return kept
"""


def test_a_table_may_outlive_the_interpreter() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXIT, str(Path(__file__).parent)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- the sweep -------------------------------------------------------------------------------------------------------


def test_every_form_holds_the_same(make_sweep: Make) -> None:
    pyarrow, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    sweep = make_sweep(bad=[("swap/batch", 8)])
    rows = sweep.to_dicts()
    assert sweep.to_arrow().to_pylist() == rows == sweep.to_polars().to_dicts() == polars.DataFrame(sweep).to_dicts()
    assert sweep.to_arrow().column_names == list(sweep.columns) == [*STORED, *RATES]
    assert isinstance(sweep.to_arrow(), pyarrow.Table)
    assert sweep.filter(producers=5).to_arrow().num_rows == 0


def test_rates_are_those_of_the_runs(make_sweep: Make) -> None:
    sweep = make_sweep(bad=[("swap/batch", 8)])
    for name in RATES:
        assert sweep.column(name) == tuple(getattr(run, name) for run in sweep)


def test_pandas_has_its_own_types(make_sweep: Make) -> None:
    pandas = pytest.importorskip("pandas")
    frame = make_sweep(bad=[("swap/batch", 8)]).to_pandas()
    for name, kind in KINDS.items():
        want = {"int": "int64", "float | None": "float64", "int | None": "Int64"}.get(kind)
        assert want is None or frame[name].dtype == want, name
    assert pandas.api.types.is_string_dtype(frame["strategy"])
    assert frame["counterexample"].isna().sum() == 24


def test_metadata_says_what_pyperf_would() -> None:
    sweep = fanin.sweep("swap/batch", 2, messages=10, rounds=1, min_seconds=0, progress=False)
    meta = sweep.metadata
    assert {"began", "fanin", "seed", "plan", "digest", "left_out", "hosts"} == set(meta)
    (host,) = meta["hosts"].values()
    assert set(sweep.column("host")) == set(meta["hosts"])
    assert len(host) >= 25
    known = ("host", "system", "kernel", "architecture", "cores", "python", "fanin", "send_buffer", "receive_buffer")
    assert all(host[name] for name in known)
    assert {"cpu_model", "load_average", "cpu_pressure", "runtime_threads", "clock_source", "build_profile"} < set(host)
    assert json.loads(json.dumps(meta)) == meta
    meta["hosts"].clear()
    assert sweep.metadata["hosts"], "a copy was cleared"


def test_sweeps_add_up(make_sweep: Make) -> None:
    one, two = make_sweep(["mpsc/batch"]), make_sweep(["swap/batch", "mpsc/batch"], rounds=2)
    both = one + two
    assert len(both) == 9 + 12
    assert both.column("round") == (0,) * 3 + (1,) * 3 + (2,) * 3 + (3,) * 6 + (4,) * 6
    cells = {}
    for cell, *axes in zip(both.column("cell"), both.column("strategy"), both.column("producers"), strict=True):
        assert cells.setdefault(cell, axes) == axes
    assert sorted(cells) == list(range(6))
    assert both.ratio("swap/batch", "mpsc/batch").column("pairs") == (2, 2, 2), "not across sweeps"
    assert fanin.concat([one]) is one
    assert fanin.concat([one, two]) == both
    assert len(fanin.concat([one.filter(producers=99), two])) == 12
    assert len(both.metadata["parts"]) == 2
    for wrong in ([], [one, 3], [one.to_dicts()]):
        with pytest.raises(fanin.PlanError, match="at least one Sweep"):
            fanin.concat(wrong)
    with pytest.raises(TypeError):
        one + 3  # type: ignore[operator]


def test_ratios_never_cross_hosts(make_sweep: Make) -> None:
    sweep = make_sweep(["mpsc/batch", "swap/batch"], rounds=2)
    hosts = tuple("ab"[strategy == "swap/batch" and number == 1] for strategy, number in zip(
        sweep.column("strategy"), sweep.column("round"), strict=True))  # fmt: skip
    apart = fanin.Sweep(sweep._stored | {"host": hosts})
    assert apart.ratio("swap/batch", "mpsc/batch").column("pairs") == (1, 1, 1)


def test_html_is_plain_and_short(make_sweep: Make) -> None:
    html = make_sweep(producers=range(1, 200), rounds=1)._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") < 70
    assert "<script" not in html
    assert "<style" not in html
    assert "more: .summary()" in html


# --- files -----------------------------------------------------------------------------------------------------------


def large(make_sweep: Make, rows: int) -> fanin.Sweep:
    """As many rows as asked, most of their numbers different."""
    small, draw = make_sweep(producers=range(1, 34)), random.Random(1)
    columns = {name: (values * (rows // len(values) + 1))[:rows] for name, values in small._stored.items()}
    for name in ("produce_ns", "deliver_ns", "batches", "writes", "high_water_bytes", "cpu_user_ns", "cpu_system_ns"):
        columns[name] = tuple(draw.randrange(1, 10**9) for _ in range(rows))
    columns["load_average"] = tuple(draw.random() for _ in range(rows))
    return fanin.Sweep(columns, small.metadata)


def least(call: Callable[[], object], times: int = 5) -> float:
    """The least processor time of some calls: how long it takes where nothing else runs."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return min(taken)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8, 27])
def test_every_size_comes_back(make_sweep: Make, tmp_path: Path, rows: int) -> None:
    whole = make_sweep(bad=[("swap/batch", 8)])
    sweep = fanin.Sweep({name: values[:rows] for name, values in whole._stored.items()}, whole.metadata)
    assert fanin.Sweep.load(sweep.save(tmp_path / "sweep.json")) == sweep


def test_a_large_sweep_loads_fast(make_sweep: Make, tmp_path: Path) -> None:
    sweep = large(make_sweep, 100_000)
    path = sweep.save(tmp_path / "large.json")
    assert fanin.Sweep.load(path) == sweep
    assert least(lambda: fanin.Sweep.load(path), 2) < 1
    assert Path(path).stat().st_size < 200 * len(sweep)


@pytest.mark.parametrize(("method", "package"), [("to_polars", "polars"), ("to_pandas", "pandas")])
def test_frames_are_made_fast(make_sweep: Make, method: str, package: str) -> None:
    pytest.importorskip(package)
    sweep = large(make_sweep, 1000)
    assert least(getattr(sweep, method), 9) < 0.010


PACKED: dict[str, Any] = {
    "an index below": {"words": ["a"], "at": [-1] * 9},
    "an index above": {"words": ["a"], "at": [1] * 9},
    "no index": {"words": ["a"], "at": ["a"] * 9},
    "no words": {"words": 3, "at": [0] * 9},
    "words that are numbers": {"words": [3], "at": [0] * 9},
    "too few": {"words": ["a"], "at": [0] * 8},
    "none": {"words": ["a"], "at": []},
    "a number for all": {"same": 3},
    "something else": {"like": "a"},
    "more": {"same": "a", "words": []},
}


@pytest.mark.parametrize("column", PACKED.values(), ids=PACKED)
def test_a_packed_column_is_not_trusted(make_sweep: Make, tmp_path: Path, column: Any) -> None:
    path = tmp_path / "sweep.json"
    content = make_sweep(rounds=1).to_json()
    path.write_text(json.dumps(content | {"columns": content["columns"] | {"proof": column}}))
    with pytest.raises(fanin.PlanError, match=r"proof|length"):
        fanin.Sweep.load(path)
    path.write_text(json.dumps(content | {"columns": content["columns"] | {"proof": {"same": "exact"}}}))
    assert set(fanin.Sweep.load(path).column("proof")) == {"exact"}


def test_a_position_is_never_packed(make_sweep: Make, tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    content = make_sweep(["swap/batch"], [1]).to_json()
    path.write_text(json.dumps(content | {"columns": content["columns"] | {"position": {"same": 0}}}))
    with pytest.raises(fanin.PlanError, match=r"position|length"):
        fanin.Sweep.load(path)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", str(2**63), "9" * 5000])
def test_numbers_that_are_none_are_told(make_sweep: Make, tmp_path: Path, value: str) -> None:
    path = tmp_path / "sweep.json"
    sweep = make_sweep(["swap/batch"], [1], rounds=1)
    for name in ("load_average", "lost"):
        content = sweep.to_json()
        content["columns"][name] = ["@"]
        path.write_text(json.dumps(content).replace('"@"', value))
        with pytest.raises(fanin.PlanError, match=r"sweep\.json"):
            fanin.Sweep.load(path)


def test_kinds_are_those_of_the_columns(make_sweep: Make) -> None:
    sweep = make_sweep()
    assert list(KINDS) == list(sweep.columns)
    assert list(STORED)[: len(PLACE)] == list(PLACE)
    assert all(math.isfinite(value) for value in sweep.column("load_average"))
    assert isinstance(sweep.summary(), Table)
