"""How the documentation is built: `make docs`. Nothing in it needs a network, when it is built or when it is read."""

import os
import re
import sys
import time
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - beside this file

import fanin  # noqa: E402

generate.write(HERE)
# Jupyter's folders where the platform keeps such things, and this environment's kernel before the user's.
os.environ.update(JUPYTER_PLATFORM_DIRS="1", JUPYTER_PREFER_ENV_PATH="1")

project = "fanin"
author = "the authors of fanin"
project_copyright = f"{time.gmtime().tm_year}, {author}"
release = version = fanin.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "jupyter_execute", "reference/generated"]
exclude_patterns += ["explanation/proofs.md"]  # shown within how-we-test
nitpicky = True
# What stands in quotes or behind two dashes is often to be typed.
smartquotes = False
# What is not fanin's own is documented elsewhere, and there is no network to look it up; nor has a page what only its
# inner modules name, whose names have no capital: a method of a class has to be there.
nitpick_ignore_regex = [("py:.*", r"(?!(pytest_)?fanin\b).*"), ("py:.*", r"(pytest_)?fanin\.[a-z_]\w*\..*")]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_default_options = {"exclude-members": "__new__, __init__"}
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
# The pages' own cells are run when the pages are built. Notebooks come executed in full, as they are committed, with
# the figures that the pages quote; `make docs` executes them anew before, in their quick mode.
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
# No script from elsewhere: no widgets' loader, no require.js.
nb_ipywidgets_js = {}

html_theme = "furo"
html_title = f"fanin {release}"
html_static_path = ["_static"]
html_css_files = ["fanin.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"


def literal(app: object, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """The docstrings say `code` in single backticks, as Markdown does; here it takes two."""
    text = re.sub(r"(?<![`:])`([^`]+)`(?!`)", r"``\1``", "\n".join(lines))
    # A letter right behind, as in a plural, is set apart by a space that is not shown.
    lines[:] = re.sub(r"(?<=\w``)(?=\w)", r"\\ ", text).split("\n")
    if what in ("property", "attribute"):
        lines.insert(0, "")  # or napoleon takes what stands before a colon for a type


def takes(app: object, what: str, name: str, item: object, options: object, *signature: str) -> tuple[str, None] | None:
    """No list of arguments for a class that nobody makes by hand: its fields are in its docstring."""
    return ("", None) if what == "class" and name.removeprefix("fanin.") not in generate.MADE else None


def setup(app: Sphinx) -> None:
    """The docstrings before napoleon looks at them."""
    app.connect("autodoc-process-docstring", literal, priority=100)
    app.connect("autodoc-process-signature", takes)
