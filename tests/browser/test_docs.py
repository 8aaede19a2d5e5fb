"""The built documentation in a browser: every page, wide and narrow, light and dark, fits and asks nobody else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUILT = Path(__file__).parent.parent.parent / "docs/_build/html"
PAGES = sorted(path for path in BUILT.rglob("*.html") if "_static" not in path.parts)
SPARE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.skipif(not PAGES, reason="`make docs` builds them")
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_asks_nobody_else(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    page = open_page(width=width, scheme=scheme)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("requestfailed", lambda asked: broken.append(asked.url))
    for path in PAGES:
        page.goto(path.as_uri())
        assert page.evaluate(SPARE) <= 0, f"{path.relative_to(BUILT)} is wider than {width}"
    assert broken == []
    assert page.strangers == []
