"""A headless Chromium and a JupyterLab, both of this machine. Without them the tests here are skipped."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="`make test-browser` installs what this needs")
pytest.importorskip("jupyterlab")
CHROMIUM = os.environ.get("FANIN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# Nothing that asks the network on its own.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


# Not of the session: as long as it lives, a loop runs on this thread, and no other test could run one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page that may ask nobody but this machine: `page.strangers` are the addresses of others it asked."""
    contexts = []

    def opened(width: int = 1280, height: int = 900, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.strangers = []
        here = ("file:", "data:", "blob:", "http://127.0.0.1:", "ws://127.0.0.1:")
        page.on("request", lambda asked: None if asked.url.startswith(here) else page.strangers.append(asked.url))
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Writes a notebook of these cells and serves it: its address in a JupyterLab."""
    servers: list[subprocess.Popen[bytes]] = []

    def serve(*cells: str, theme: str = "JupyterLab Light") -> str:
        settings = tmp_path / "settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"theme": theme}))
        write_notebook(tmp_path / "live.ipynb", cells)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        servers.append(subprocess.Popen(command(tmp_path, port), env=environment(tmp_path), cwd=tmp_path))
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api")
        return f"{address}/lab/tree/live.ipynb"

    yield serve
    for server in servers:
        server.terminate()
        server.wait(30)


def command(folder: Path, port: int) -> list[str]:
    options = {
        "ServerApp.root_dir": folder, "ServerApp.port": port, "ServerApp.ip": "127.0.0.1", "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False, "ServerApp.allow_root": True, "IdentityProvider.token": "",
        "LabApp.news_url": "None", "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }  # fmt: skip
    return [sys.executable, "-m", "jupyterlab", "--log-level=ERROR", *(f"--{k}={v}" for k, v in options.items())]


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the user's settings."""
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    return os.environ | own | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTER_PREFER_ENV_PATH": "1"}


def write_notebook(path: Path, cells: tuple[str, ...]) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [
        {"cell_type": "code", "id": f"cell-{number}", "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
        for number, source in enumerate(cells)
    ]  # fmt: skip
    content = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
