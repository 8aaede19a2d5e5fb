"""The battery's page says what ran, how many, and what fell short."""

import dataclasses
import re
import shlex
import sys
from pathlib import Path

import prove
import pytest


@pytest.mark.parametrize(
    ("extent", "output", "said"),
    [
        (prove.tests, "test result: ok. 12 passed; 0 failed\ntest result: FAILED. 3 passed; 1 failed", "15 tests"),
        (prove.tests, "= 1 failed, 7 passed in 3 s =\n", "7 tests"),
        (prove.interleavings, "loom a: 12 interleavings, all at bound 2\n.loom b: 30 interleavings, not all at bound 3",
         "2 models, 42 interleavings, 1 not to their end"),
        (prove.schedules, "shuttle a: 40 random and 8 PCT schedules in 1s\ntest result: ok.",
         "1 scenarios, 40 random and 8 PCT schedules"),
        (prove.messages, "stress a: 1000000 messages, and the consumer fell asleep 3 times",
         "1,000,000 messages, 3 times asleep"),
        (prove.planted, "x\nplanted: 37 bugs, 36 caught, 1 missed, in 9 s\n", "37 bugs, 36 caught, 1 missed"),
        (prove.planted, f"{'lanes: a':75} loom lanes_ failed\n{'b':75} missed by unit:x\n",
         "2 bugs, 1 caught, 1 missed, given up before the end"),
        (prove.cases, "test a ... property: 1000000 cases\nok\ntest b ... property: 500 cases\nok\ntest result: ok.",
         "2 properties, 1,000,500 cases"),
        (prove.cases, "test a ... property: 500 cases\nok\n", "1 properties, 500 cases, given up before the end"),
        (prove.seeds, "simulated: 5000 seeds: Hardship { losses: 12, in_doubt: 3 }\n"
         "simulated: 1000 seeds: Hardship { losses: 2, in_doubt: 4 }\n", "6,000 seeds, 14 losses, 7 in doubt"),
        (prove.runs, "fuzzed framing: 1200000 runs, nothing found\nfuzzed plan: 400 runs, nothing found\n",
         "framing 1,200,000, plan 400 inputs, 1 short of a million"),
        (prove.runs, "fuzzed framing: 1200000 runs, nothing found\n", "framing 1,200,000 inputs"),
        (prove.soaked, "soaked: 600 s\ntests/test_soak.py soaked: 601 s, 9 scenes\n", "600 s; 601 s, 9 scenes"),
        (prove.soaked, "", "nothing soaked"),
        (prove.came, "newcomer: 170 s, 154 s of the processor\n",
         "from a clone to the picture in 170 s, 154 s of the processor"),
        (prove.tried, "tried: 100 forks\n.tried: 50 forks\n.tried: 9 Ctrl-C\n.\n= 3 passed in 1 s =\n",
         "3 tests, 150 forks, 9 Ctrl-C"),
        (prove.tried, "tried: 2 Ctrl-C\nanswered: 9 ms at the median, 90 ms at the most\ntried: 1 Ctrl-C\n"
         "answered: 12 ms at the median, 12 ms at the most\n= 2 passed in 1 s =\n",
         "2 tests, 3 Ctrl-C, answered within 12 ms at the median of each call"),
        (prove.pythons, "  python3.11: 3.11.7\ntried: 100 exits\n3 passed in 1.2s\n  python3.13: 3.13.0rc1\n"
         "tried: 100 exits\n4 passed, 1 skipped in 1.1s\nthe wheel holds on 2 Pythons\n",
         "3.11.7 and 3.13.0rc1, 7 tests, 200 exits"),
        (prove.pythons, "  python3.11: 3.11.7\n3 passed in 1.2s\n", "3.11.7 alone, 3 tests"),
    ],
)  # fmt: skip
def test_what_a_step_did_is_read_from_what_it_said(extent: object, output: str, said: str) -> None:
    assert callable(extent)
    assert extent(output) == said


def outcome(name: str, code: str, most: int = 60) -> prove.Outcome:
    return prove.run(prove.Step(name, f'{sys.executable} -c "{code}"', most, prove.tests))


def test_the_page_tells_what_fell_short(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "OUT", tmp_path)
    monkeypatch.setattr(prove, "today", lambda: "2001-02-03")
    monkeypatch.setattr(prove, "sources", lambda: "abcdefg+")
    monkeypatch.setattr(prove, "is_old", lambda _: False)
    good = outcome("good", "print('ok. 5 passed')")
    bad = outcome("bad", "import sys; print('FAILED. 2 passed'); sys.exit(1)")
    slow = outcome("slow", "import time; time.sleep(600)", most=1)
    assert [one.word for one in (good, bad, slow)] == ["passed", "FAILED", "TOOK TOO LONG"]
    assert re.search(r"\| good \| passed \| 5 tests \| \d+ s \| 2001-02-03 \| abcdefg\+ \|", prove.page([good]))
    assert prove.page([good]).endswith("Nothing fell short.\n")
    page = prove.page([good, bad, slow])
    assert "Fell short: bad (FAILED; 2 tests)." in page
    assert "Fell short: slow (TOOK TOO LONG; 0 tests)." in page
    assert "good (" not in page
    halted = prove.Outcome(good.step, "passed", 1, "3 models, 7 interleavings, 1 not to their end")
    assert "Fell short" in prove.page([halted])
    assert "| good | no failure, but short | 3 models" in prove.page([halted])
    whole = dataclasses.replace(halted, extent="3 models, 7 interleavings, 0 not to their end")
    assert "Fell short" not in prove.page([whole])
    few = dataclasses.replace(halted, extent="framing 1,200,000, plan 400 inputs, 1 short of a million")
    assert "Fell short: good (passed; framing" in prove.page([few])


def test_the_page_tells_what_ran_on_older_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "ROOT", tmp_path)

    def commit(name: str) -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
        prove.git("add", ".")
        author = ("-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false")
        assert prove.git(*author, "commit", "--message", name).returncode == 0
        return prove.sources()

    prove.git("init")
    first, second, third = commit("src/a"), commit("python/b"), commit("docs/c")
    commits = {"one": first, "two": second, "three": f"{third}+", "four": f"{first} to {third}", "five": "?"}
    step = prove.STEPS[0]
    ran = [
        prove.Outcome(dataclasses.replace(step, name=name), "passed", 1, "1 tests", "2001-02-03", commit)
        for name, commit in commits.items()
    ]
    assert [one.step.name for one in ran if prove.is_old(one.commit)] == ["one", "four", "five"]
    assert "\nOn older sources than these (`src`, `models/src`, `python`): one; four; five.\n" in prove.page(ran)
    assert "older" not in prove.page([ran[1]])


@pytest.fixture
def battery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A battery of two steps, of which the second fails."""
    steps = (
        prove.Step("first", f"{sys.executable} -c \"print('ok. 5 passed')\"", 60, prove.tests),
        prove.Step("second", f'{sys.executable} -c "import sys; sys.exit(1)"', 60, prove.tests),
    )
    monkeypatch.setattr(prove, "OUT", tmp_path)
    monkeypatch.setattr(prove, "SHOWN", tmp_path / "proofs.md")
    monkeypatch.setattr(prove, "STEPS", steps)
    return tmp_path


def test_steps_run_alone_and_the_page_has_the_last_of_each(battery: Path) -> None:
    assert prove.main(["first"]) == 0
    page = (battery / "proofs.md").read_text()
    assert page == (battery / "prove.md").read_text()
    assert "| first | passed | 5 tests |" in page
    assert page.endswith("Not run: second.\n")
    assert prove.main(["second"]) == 1
    assert "Fell short: second (FAILED; 0 tests)." in (battery / "proofs.md").read_text()
    assert prove.main(["--page"]) == 1
    assert "| first | passed | 5 tests |" in (battery / "proofs.md").read_text()


def test_another_clone_keeps_what_the_page_says(battery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "\n".join(f"{name:75} unit {name} failed" for name in ("a bug that is planted", "another"))
    step = prove.Step("planted", f"printf '%s\n' {shlex.quote(rows)}", 60, prove.planted, details=prove.bugs)
    monkeypatch.setattr(prove, "STEPS", (*prove.STEPS, step))
    assert prove.main(["first", "planted"]) == 0
    page = (battery / "proofs.md").read_text()
    assert "| planted | no failure, but short | 2 bugs, 2 caught, 0 missed, given up before the end |" in page
    assert page.endswith("| another | unit another failed |\n")
    monkeypatch.setattr(prove, "OUT", battery / "elsewhere")
    assert prove.main(["--page"]) == 1
    assert (battery / "proofs.md").read_text() == page


def test_what_passed_on_these_sources_is_not_run_again(battery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.main([]) == 1
    capsys.readouterr()
    assert prove.main(["--resume"]) == 1
    assert re.findall(r"^(\w+) …$", capsys.readouterr().out, re.MULTILINE) == ["second"]


def test_a_run_elsewhere_is_taken_over(battery: Path) -> None:
    log = battery / "log.txt"
    log.write_text("test result: ok. 7 passed\n")
    prove.main(["--take", "second", str(log)])
    assert "| second | passed | 7 tests |" in (battery / "prove.md").read_text()
    log.write_text("test result: FAILED. 7 passed\n")
    assert prove.main(["--take", "second", str(log)]) == 1
    with pytest.raises(SystemExit, match="no step is called 'third'; there are: first; second"):
        prove.main(["--take", "third", str(log)])


def test_each_planted_bug_is_shown_with_what_caught_it() -> None:
    lines = "\n".join(
        f"{name:75} {verdict}"
        for name, verdict in (("lanes: a", "loom lanes_ failed"), ("b: c", "unit x hung; loom did not see it"))
    )
    assert prove.bugs(f"noise\n{lines}\nplanted: 2 bugs, 2 caught, 0 missed, in 3 s\n").splitlines()[2:] == [
        "| lanes: a | loom lanes_ failed |",
        "| b: c | unit x hung; loom did not see it |",
    ]
