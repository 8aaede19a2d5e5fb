"""The workflows and the citation name what is there. `make check-targets` has their schemas, which look less far."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip("yaml")
ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MATRIX = re.compile(r"matrix\.([\w-]+)")


def problems(workflow: dict[str, Any]) -> list[str]:
    """What a workflow asks for and nobody has, a line each."""
    jobs = workflow["jobs"]
    return [problem for name, job in jobs.items() for problem in of_job(name, job, set(jobs))]


def of_job(name: str, job: dict[str, Any], jobs: set[str]) -> list[str]:
    needs = job.get("needs", [])
    missing = {needs} - jobs if isinstance(needs, str) else set(needs) - jobs
    found = [f"{name}: needs {job}" for job in sorted(missing)]
    matrix = job.get("strategy", {}).get("matrix", {})
    has = (set(matrix) - {"include", "exclude"}).union(*matrix.get("include", []))
    found += [f"{name}: no matrix.{key}" for key in sorted(set(MATRIX.findall(str(job))) - has)]
    for run in (step["run"] for step in job["steps"] if "run" in step):
        for line in re.findall(r"^make ([^&|;\n]+)", run, re.MULTILINE):
            targets = [word for word in line.split() if re.fullmatch(r"[a-z-]+", word)]
            found += [f"{name}: no target {target}" for target in targets if target not in TARGETS]
        files = re.findall(r"\b(?:tests|scripts|requirements)[\w/-]*\.(?:py|sh|txt)\b", run)
        found += [f"{name}: no file {file}" for file in files if not (ROOT / file).exists()]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_ask_for_what_is_there(path: Path) -> None:
    assert problems(yaml.safe_load(path.read_text())) == []


PLANTED = """
jobs:
  one:
    strategy:
      matrix: {os: [a], include: [{os: a, kind: b}]}
    runs-on: ${{ matrix.os }}-${{ matrix.kind }}-${{ matrix.pyhton }}
    needs: [one, two]
    steps:
      - run: make test tset
      - run: |
          make docs
          python -m pytest --ignore tests/test_nothing.py --ignore tests/test_house.py
"""


def test_what_is_not_there_is_found() -> None:
    assert problems(yaml.safe_load(PLANTED)) == [
        "one: needs two",
        "one: no matrix.pyhton",
        "one: no target tset",
        "one: no file tests/test_nothing.py",
    ]


# --- the citation ----------------------------------------------------------------------------------------------------

# Of the format in its version 1.2.0.
REQUIRED = {"authors", "cff-version", "message", "title"}
REQUIRED_OF_REFERENCE = {"authors", "title", "type"}
KNOWN = REQUIRED | {
    "abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url",
    "preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url",
    "version",
}  # fmt: skip


def test_the_citation_is_whole_and_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    assert set(citation) >= REQUIRED
    assert set(citation) <= KNOWN
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert citation["version"] == cargo["version"]
    assert set(citation["license"]) == set(cargo["license"].split(" OR "))
    assert len(set(citation["keywords"])) == len(citation["keywords"])
    for reference in citation["references"]:
        assert set(reference) >= REQUIRED_OF_REFERENCE
        assert isinstance(reference["date-published"], date)
    people = [one for work in (citation, *citation["references"]) for one in work["authors"]]
    assert all({"name", "alias", "family-names", "given-names"} & set(one) for one in people)
    assert any("blog.digital-horror.com" in reference["url"] for reference in citation["references"])
