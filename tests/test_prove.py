"""The battery's page says what ran, how many, and what fell short."""

import dataclasses
import sys

import prove
import pytest


@pytest.mark.parametrize(
    ("extent", "output", "said"),
    [
        (prove.tests, "test result: ok. 12 passed; 0 failed\ntest result: FAILED. 3 passed; 1 failed", "15 tests"),
        (prove.tests, "= 1 failed, 7 passed in 3 s =\n", "7 tests"),
        (prove.interleavings, "loom a: 12 interleavings, all at bound 2\n.loom b: 30 interleavings, not all at bound 3",
         "2 models, 42 interleavings, 1 not to their end"),
        (prove.schedules, "shuttle a: 40 random and 8 PCT schedules in 1s\n",
         "1 scenarios, 40 random and 8 PCT schedules"),
        (prove.messages, "stress a: 1000000 messages, and the consumer fell asleep 3 times",
         "1,000,000 messages, 3 times asleep"),
        (prove.planted, "x\nplanted: 37 bugs, 36 caught, 1 missed, in 9 s\n", "37 bugs, 36 caught, 1 missed"),
        (prove.planted, "", "none planted"),
    ],
)  # fmt: skip
def test_what_a_step_did_is_read_from_what_it_said(extent: object, output: str, said: str) -> None:
    assert callable(extent)
    assert extent(output) == said


def outcome(name: str, code: str, most: int = 60) -> prove.Outcome:
    return prove.run(prove.Step(name, f'{sys.executable} -c "{code}"', most, prove.tests))


def test_the_page_tells_what_fell_short(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "OUT", tmp_path)
    good = outcome("good", "print('ok. 5 passed')")
    bad = outcome("bad", "import sys; print('FAILED. 2 passed'); sys.exit(1)")
    slow = outcome("slow", "import time; time.sleep(600)", most=1)
    assert [one.word for one in (good, bad, slow)] == ["passed", "FAILED", "TOOK TOO LONG"]
    assert "| good | passed | 5 tests |" in prove.page([good])
    assert prove.page([good]).endswith("Nothing fell short.\n")
    page = prove.page([good, bad, slow])
    assert "Fell short: bad (FAILED; 2 tests)." in page
    assert "Fell short: slow (TOOK TOO LONG; 0 tests)." in page
    assert "good (" not in page
    halted = prove.Outcome(good.step, "passed", 1, "3 models, 7 interleavings, 1 not to their end")
    assert "Fell short" in prove.page([halted])
    whole = dataclasses.replace(halted, extent="3 models, 7 interleavings, 0 not to their end")
    assert "Fell short" not in prove.page([whole])
