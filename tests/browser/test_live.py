"""The live view in a real JupyterLab: it moves, it asks nobody else, and Stop stops."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# With a folder given, the pictures of the documentation are taken anew.
PICTURES = os.environ.get("FANIN_PICTURES")
BEGIN = """import fanin

view = fanin.live(
    ["mpsc/batch", "swap/batch"], producers=64, payload=64, capacity="256 KiB", on_full="drop_newest",
    rounds=5, min_seconds=3, read_rate=150_000_000,
)
view"""
AFTER = "sweep = view.wait(10)\nprint(view.status, len(sweep), sweep.delivered)"


def run_cell(page: Any, number: int) -> None:
    page.locator(".jp-CodeCell .cm-content").nth(number).click()
    page.keyboard.press("Shift+Enter")


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.locator(".fanin-live").screenshot(path=str(Path(PICTURES, name)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_sweep_is_watched_and_stopped(lab: Callable[..., str], open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(scheme=scheme)
    page.goto(lab(BEGIN, AFTER, theme=f"JupyterLab {scheme.capitalize()}"))
    page.locator(".jp-CodeCell").nth(1).wait_for(timeout=90_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=90_000)
    page.wait_for_timeout(1000)  # a theme is put on late, and takes the focus
    run_cell(page, 0)
    page.locator('.fanin-live[data-status="running"]').wait_for(timeout=60_000)
    page.wait_for_timeout(1000)

    # It moves: four times a second or more, as counted where it is drawn.
    beats = "() => Number(document.querySelector('.fanin-live').dataset.beats)"
    first = page.evaluate(beats)
    page.wait_for_timeout(3000)
    assert page.evaluate(beats) - first >= 12
    values = page.locator(".fanin-live .value").all_inner_texts()
    assert re.match(r"[\d.]+ [kMG] msg/s", values[0]), values
    assert "% of 262 kB" in page.locator(".fanin-live .more").all_inner_texts()[1]
    picture(page, f"live-{scheme}.png")

    # The kernel is free meanwhile, or it could not hear Stop.
    clicked = page.evaluate("() => performance.now()")
    page.locator(".fanin-live .stop").click()
    page.locator('.fanin-live[data-status="stopped"]').wait_for(timeout=10_000)
    assert page.evaluate("() => performance.now()") - clicked < 1000
    assert page.locator(".fanin-live .stop").is_disabled()

    run_cell(page, 1)
    said = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    said.wait_for(timeout=30_000)
    assert re.match(r"stopped \d+ True", said.inner_text())
    assert page.strangers == []
