"""What a user installs: what is in the wheel, how large it is, what it does alone; and that the sdist builds."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROVE = os.environ.get("FANIN_PROVE") == "1"
MEGABYTE = 1_000_000
LARGEST_WHEEL = 6 * MEGABYTE
EXTRAS = {"all", "arrow", "dask", "frames", "live", "plot", "progress", "stats"}
# With the tests' own environment left out, and no chance of a package from elsewhere.
ALONE = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "PIP_"))}


@pytest.fixture(scope="module")
def wheel() -> Path:
    wheels = sorted((ROOT / "dist").glob("fanin-*.whl"))
    if not wheels:
        pytest.skip("no wheel in dist/: `make build` puts one there")
    assert len(wheels) == 1
    return wheels[0]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Path]:
    """An environment that has the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, with_pip=False)
    target = subprocess.check_output(
        [python_of(folder), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return folder


def python_of(room: Path) -> str:
    return str(room / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))


def alone(room: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [python_of(room), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, env=ALONE, cwd=cwd or room)


def metadata(wheel: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode()).items()


def test_one_wheel_serves_every_python(wheel: Path) -> None:
    python, abi, platform = wheel.stem.split("-")[2:]
    assert (python, abi) == ("cp311", "abi3")
    assert sys.platform != "linux" or platform.startswith("manylinux_")


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if not name.startswith("fanin-")}
    sources = {
        str(path.relative_to(ROOT / "python").as_posix())
        for path in (ROOT / "python").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("_native.abi3")
    }
    native = {name for name in package if re.fullmatch(r"fanin/_native\.(abi3\.so|pyd)", name)}
    assert len(native) == 1
    assert package == sources | native
    assert {"fanin/py.typed", "fanin/_native.pyi"} <= package
    said = {name.rpartition("/")[2] for name in names - package}
    assert {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "LICENSE-MIT", "LICENSE-APACHE"} <= said


def test_the_core_needs_no_other_package(wheel: Path) -> None:
    needed = [value for name, value in metadata(wheel) if name == "Requires-Dist"]
    assert needed
    assert [need for need in needed if "extra ==" not in need] == []


def test_the_extras_are_those_that_the_docs_name(wheel: Path) -> None:
    assert {value for name, value in metadata(wheel) if name == "Provides-Extra"} == EXTRAS
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    everything = re.fullmatch(r"fanin\[(.*)\]", extras["all"][0])
    assert everything
    assert set(everything[1].split(",")) == EXTRAS - {"all", "stats"}
    assert extras["stats"] == [], "statistics are plain Python"


def test_the_wheel_alone_answers_the_article(room: Path, tmp_path: Path) -> None:
    done = alone(
        room, "-m", "fanin", "article", "--workers", "1,8", "--messages", "100", "--rounds", "1", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert "1. As published" in done.stdout
    assert "swap/batch" in done.stdout
    assert "pip install 'fanin[plot]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["article.json"]


def test_the_wheel_alone_has_its_types_and_its_command(room: Path) -> None:
    script = "from importlib.metadata import entry_points as e; print(*e(name='fanin'), sep='\\n')"
    done = alone(room, "-c", script)
    assert "fanin.cli:main" in done.stdout, done.stderr
    script = "import fanin, sys; [getattr(fanin, name) for name in fanin.__all__]; print('numpy' in sys.modules)"
    done = alone(room, "-c", script)
    assert done.stdout.strip() == "False", done.stderr


def test_the_docs_name_the_systems_that_a_release_is_for() -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    built = set(re.findall(r"- \{ platform: ([\w-]+),", workflow))
    (tested,) = re.findall(r"^ +platform: \[(.*)\]$", workflow, re.MULTILINE)
    named = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs/how-to/install.md").read_text(), re.MULTILINE)
    assert len(built) == 5
    assert built == set(tested.split(", ")) == {name for name in named if name not in EXTRAS}


def test_a_release_leaves_out_the_same_tests_as_every_python_here() -> None:
    """What needs an extra skips itself, so that nobody has to list it; these ask cargo, about the sources or
    for what they run."""
    places = (".github/workflows/release.yml", "scripts/pythons.sh")
    left_out = [re.findall(r"--ignore[ =](\S+)", (ROOT / place).read_text()) for place in places]
    assert left_out == [[f"tests/test_{name}.py" for name in ("house", "security", "bench_sink")]] * 2


@pytest.mark.skipif(not PROVE, reason="builds the crate from scratch; run by `make prove`")
def test_the_sdist_builds(tmp_path: Path) -> None:
    run = [sys.executable, "-m"]
    subprocess.run([*run, "maturin", "sdist", "--out", str(tmp_path)], cwd=ROOT, check=True, timeout=600)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Cargo.toml", "Cargo.lock", "pyproject.toml", "src/lib.rs", "python/fanin/__init__.py"} <= names
    assert [name for name in names if name.startswith((".venv", "target", "dist", "out"))] == []
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    wheels = ["--wheel-dir", str(tmp_path), str(sdist)]
    # Without isolation pip takes the build's tools from where they are: beside this Python.
    tools = os.environ | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    subprocess.run([*run, "pip", "wheel", "--quiet", *offline, *wheels], check=True, timeout=3000, env=tools)
    (built,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "room", with_pip=True)
    installing = [python_of(tmp_path / "room"), "-m", "pip", "install", "--quiet", *offline[:2], str(built)]
    subprocess.run(installing, check=True, timeout=300, env=ALONE)
    done = alone(tmp_path / "room", "-c", "import fanin; print(fanin.run('swap/batch', 8, 100).status)", cwd=tmp_path)
    assert done.stdout.strip() == "ok", done.stderr
