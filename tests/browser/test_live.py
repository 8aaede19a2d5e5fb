"""The live view and the playground in a real JupyterLab: they move, ask nobody else, and hear what is clicked."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
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


def open_notebook(page: Any, address: str) -> None:
    page.goto(address)
    page.locator(".jp-CodeCell").first.wait_for(timeout=90_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=90_000)
    page.wait_for_timeout(1000)  # a theme is put on late, and takes the focus


def said(page: Any, number: int) -> str:
    """What a cell printed, once it has."""
    output = page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")
    output.wait_for(timeout=60_000)
    return str(output.inner_text())


def beats_of(page: Any, seconds: int) -> int:
    """How many times the view is drawn in so many seconds."""
    beats = "() => Number(document.querySelector('.fanin-live').dataset.beats)"
    first = page.evaluate(beats)
    page.wait_for_timeout(1000 * seconds)
    return int(page.evaluate(beats) - first)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_sweep_is_watched_and_stopped(lab: Callable[..., str], open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(scheme=scheme)
    open_notebook(page, lab(BEGIN, AFTER, theme=f"JupyterLab {scheme.capitalize()}"))
    run_cell(page, 0)
    page.locator('.fanin-live[data-status="running"]').wait_for(timeout=60_000)
    page.wait_for_timeout(1000)

    # It moves: four times a second or more, as counted where it is drawn; now and then others have the cores.
    counted: list[int] = []
    while max(counted, default=0) < 12 and len(counted) < 4:
        counted.append(beats_of(page, 3))
    assert max(counted) >= 12, counted
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
    assert re.match(r"stopped \d+ True", said(page, 1))
    assert page.strangers == []


SINK = """import threading, time
import fanin

server = fanin.Server(framing="lines")
sink = fanin.Sink(server.url, framing="lines", capacity="64 KiB").open()

def produce():
    try:
        while True:
            sink.send_many([b"x" * 99] * 1000)
            time.sleep(0.02)
    except fanin.Closed:
        pass

threading.Thread(target=produce, daemon=True).start()
view = fanin.live(sink)
view"""
SINK_AFTER = """account = view.wait(10)
server.wait_for(account.accepted, timeout=30)
print(view.status, sink.closed, account.accepted == account.written == server.count() > 0)
server.stop()"""


def test_a_sink_is_watched_and_stop_closes_it(lab: Callable[..., str], open_page: Callable[..., Any]) -> None:
    page = open_page()
    open_notebook(page, lab(SINK, SINK_AFTER))
    run_cell(page, 0)
    page.locator('.fanin-live[data-status="running"]').wait_for(timeout=60_000)
    shown = page.locator(".fanin-live")
    page.wait_for_function("() => /[1-9].* msg\\/s/.test(document.querySelector('.fanin-live .value').innerText)")
    assert "% of 65.5 kB" in shown.locator(".more").all_inner_texts()[1]
    assert re.search(r"tcp://127\.0\.0\.1:\d+", shown.inner_text())

    shown.locator(".stop").click()
    page.locator('.fanin-live[data-status="stopped"]').wait_for(timeout=10_000)
    run_cell(page, 1)
    assert said(page, 1).strip() == "stopped True True"
    assert page.strangers == []


PLAYGROUND = Path(__file__).parent.parent.parent / "notebooks/00-playground.py"
PLAYED = "print(*(f'{run.strategy} {run.producers} {run.status}' for run in runs), sep=', ')"


def test_the_playground_makes_a_run_for_a_click(
    lab: Callable[..., str], open_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell.source for cell in jupytext.read(PLAYGROUND).cells if cell.cell_type == "code"]
    shown = next(number for number, source in enumerate(cells) if "widgets.VBox" in source)
    monkeypatch.setenv("FANIN_QUICK", "1")
    page = open_page(height=1200)
    open_notebook(page, lab("\n".join(cells[: shown + 1]), PLAYED))
    run_cell(page, 0)
    knobs = page.locator(".jp-OutputArea-output .widget-inline-hbox")
    picture = page.locator(".jp-OutputArea-output img.widget-image")
    knobs.first.wait_for(timeout=60_000)
    answer = page.locator(".jp-OutputArea-output .widget-html")
    answer.get_by_text("swap/batch").first.wait_for(timeout=60_000)

    first = picture.get_attribute("src")
    knobs.filter(has_text="strategy").locator("select").select_option("mpsc/batch")
    answer.get_by_text("mpsc/batch").first.wait_for(timeout=60_000)
    page.wait_for_function("first => document.querySelector('img.widget-image').src !== first", arg=first)
    knobs.filter(has_text="producers").locator(".noUi-handle").press("ArrowLeft")
    knobs.filter(has_text="producers").get_by_text("32", exact=True).wait_for(timeout=60_000)

    page.wait_for_timeout(1000)
    run_cell(page, 1)
    assert said(page, 1).strip() == "swap/batch 64 ok, mpsc/batch 64 ok, mpsc/batch 32 ok"
    assert page.strangers == []
