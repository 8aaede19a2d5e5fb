"""The pages that follow from the code: the API, the command line, the columns, the strategies; and the notebooks.

A public name without a place here, and a column without a word, is an error: the build ends with it.
"""

from __future__ import annotations

import argparse
import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import fanin
from fanin import cli, rows

ROOT = Path(__file__).parent.parent

# Each public name, once: the pages of the API.
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "runs": ("Runs and loads", "One load through one strategy, proved and measured.",
             ("run", "run_async", "Run", "closed_loop", "open_loop", "ClosedLoop", "OpenLoop", "mix", "records", "Mix",
              "Records", "pause", "Pause")),
    "sweeps": ("Plans and sweeps", "A grid of cells, run in interleaved rounds, and the table that comes of it.",
               ("sweep", "Plan", "DryRun", "resume", "Sweep", "concat", "Table")),
    "live": ("Live", "A sweep or a sink while it goes on.", ("live", "Live", "Moment")),
    "statistics": ("Statistics", "What the numbers of a sweep allow to say.",
                   ("Comparison", "Explanation", "Scaling", "doctor", "Checkup")),
    "article": ("The article", "Its figures, its benchmark repeated, and the verified answer.",
                ("article", "Article", "published", "replay")),
    "strategies": ("Strategies", "Every queue with every write policy, and which of them to use.",
                   ("strategies", "Strategies", "Strategy", "recommend", "Recommendation")),
    "sink": ("Sink", "Many threads and tasks, one socket.", ("Sink", "Delivery", "Stats", "Dropped", "Reconnected")),
    "logging": ("Logging", "The sink as a handler of `logging`.", ("SinkHandler", "SyslogFormatter")),
    "server": ("Server and proxy", "The other end of the socket, a bad line to it, and what arrived.",
               ("Server", "Arrivals", "Arrival", "Proxy", "LineFault")),
    "errors": ("Errors", "What fanin raises.",
               ("FaninError", "PlanError", "JournalError", "HostBusy", "NotDelivered", "SweepInterrupted",
                "AddressError", "MessageError", "Full", "Closed", "Disconnected", "TimedOut", "NotArrived",
                "ArrivalTimeout", "Forked", "MissingExtra")),
}  # fmt: skip
NO_PAGE = {"__version__"}
# Classes that a program makes itself: their pages begin with what they take. The others come of a call.
MADE = {"Plan", "Sink", "SinkHandler", "SyslogFormatter", "Server", "Proxy"}

PLACES = {
    "round": "The round that the run was made in; what is compared is compared within a round.",
    "position": "Its place in the round.",
    "cell": "The number of its cell in the plan.",
    "seed": "What the order of the rounds was drawn from.",
    "process": "Which of several fresh processes made it (`confirm=`); None where that was not asked.",
    "host": "The machine; a key of `metadata['hosts']`.",
    "load_average": "The machine's load average right before the run.",
    "cpu_pressure": "The share of the last ten seconds in which something waited for a core, right before the run.",
}


def write(docs: Path) -> None:
    """Writes all of them."""
    api = docs / "reference/api"
    for folder in (api, docs / "notebooks", docs / "reference/generated"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    check_names()
    check_plugin(docs)
    for page, (title, about, names) in PAGES.items():
        (api / f"{page}.md").write_text(api_page(title, about, names))
    (docs / "reference/cli.md").write_text(cli_page())
    (docs / "reference/generated/pytest.md").write_text(plugin_tables())
    (docs / "reference/generated/rows.md").write_text(rows_table())
    (docs / "reference/strategies.md").write_text(strategies_page())
    (docs / "reference/generated/errors.md").write_text(errors_tree())
    for source in sorted((ROOT / "notebooks").glob("[0-9]*.py")):
        notebook(source, docs / "notebooks" / f"{source.stem}.ipynb")


def notebook(source: Path, target: Path) -> None:
    """The notebook as it was executed in full, with the figures that the pages quote; without one there is no page."""
    executed = source.with_suffix(".ipynb")
    if not executed.exists():
        raise SystemExit(f"docs/generate.py: {executed.name} is missing: run `make notebooks`")
    shutil.copy(executed, target)


def check_names() -> None:
    """Raises for a public name that no page has, and for one that a page has and the package has not."""
    shown = {name for _, _, names in PAGES.values() for name in names} | NO_PAGE
    if shown != set(fanin.__all__):
        raise SystemExit(f"docs/generate.py: PAGES and fanin.__all__ differ in {sorted(shown ^ set(fanin.__all__))}")


def check_plugin(docs: Path) -> None:
    """Raises for a public name of the plugin that its page has not."""
    import pytest_fanin

    page = (docs / "reference/pytest.md").read_text()
    lacking = [name for name in pytest_fanin.__all__ if f":: pytest_fanin.{name}\n" not in page]
    if lacking:
        raise SystemExit(f"docs/generate.py: docs/reference/pytest.md lacks {lacking}")


# --- the API ----------------------------------------------------------------------------------------------------------


def api_page(title: str, about: str, names: tuple[str, ...]) -> str:
    """A page with the docstrings of these names."""
    parts = [f"# {title}\n\n{about}\n"]
    for name in names:
        lines = [f".. py:currentmodule:: fanin\n\n{directive(name)}"]
        parts.append("```{eval-rst}\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def directive(name: str) -> str:
    """How autodoc is asked for a name."""
    item = getattr(fanin, name)
    if not isinstance(item, type):
        return f".. autofunction:: fanin.{name}"
    if issubclass(item, BaseException):
        return f".. autoexception:: fanin.{name}\n   :show-inheritance:"
    inherited = "\n   :inherited-members: tuple, object" if name in ("Sweep", "Strategies", "Sink") else ""
    return f".. autoclass:: fanin.{name}\n   :members:{inherited}"


def errors_tree() -> str:
    """The tree that the module of the errors draws."""
    import fanin.errors

    tree = re.search(r"```text\n(.*?)```", inspect.getdoc(fanin.errors) or "", re.DOTALL)
    if tree is None:
        raise SystemExit("docs/generate.py: fanin.errors draws no tree")
    return f"```text\n{tree[1]}```\n"


# --- the command line -------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Every command with its options, as `--help` has them."""
    parser = cli._parser()
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    helps = {choice.dest: choice.help for action in actions for choice in action._choices_actions}
    parts = ["# Command line\n", "`fanin COMMAND --help` says the same in a terminal. Every command takes `--json`.\n"]
    for name, sub in actions[0].choices.items():
        parts.append(command(name, helps[name] or "", sub))
    codes = [line.strip().split("  ", 1) for line in cli.CODES.splitlines()[1:]]
    parts.append("## Exit codes\n\n" + table(("code", "meaning"), codes))
    return "\n".join(parts)


def command(name: str, about: str, parser: argparse.ArgumentParser) -> str:
    """One command's part of the page."""
    example = (parser.epilog or "").partition("\n\n")[0].removeprefix("example:\n").strip()
    options = [
        (", ".join(f"`{word}`" for word in spelled(action)), said(action))
        for action in parser._actions
        if action.dest != "help"
    ]
    heading = f"## `fanin {name}`\n\n{about[0].upper()}{about[1:]}.\n\n```sh\n{example}\n```\n\n"
    return heading + table(("argument", "meaning"), options)


def spelled(action: argparse.Action) -> list[str]:
    """How an argument is written."""
    value = action.metavar or action.dest if action.nargs != 0 else ""
    if not action.option_strings:
        return [str(value)]
    return [f"{option} {value}".strip() for option in action.option_strings]


def said(action: argparse.Action) -> str:
    """Its help, with what it leaves to argparse filled in."""
    text = (action.help or "") % {"default": action.default, "prog": "fanin"}
    choices = f"; one of {', '.join(map(str, action.choices))}" if action.choices else ""
    return escape(text + choices)


# --- the pytest plugin -----------------------------------------------------------------------------------------------


class Options:
    """Stands in for pytest's parser and its groups: notes what the plugin adds."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def getgroup(self, *_: str) -> Options:
        """A group of options."""
        return self

    def addoption(self, name: str, *, help: str, metavar: str = "", **_: Any) -> None:
        """An option of the command line."""
        self.lines.append((f"`{name} {metavar}`".replace(" `", "`"), escape(help)))

    def addini(self, name: str, help: str, default: str) -> None:
        """An option of the configuration file."""
        self.lines.append((f"`{name} = {default}` in the configuration", escape(help)))


def plugin_tables() -> str:
    """The fixtures, markers and options of the plugin, as it says them itself."""
    import pytest_fanin

    options = Options()
    pytest_fanin.pytest_addoption(options)  # type: ignore[arg-type]
    fixtures = [(f"`{name}`", escape(inspect.getdoc(item) or "")) for name, item in fixtures_of(pytest_fanin)]
    markers = [marker.split(": ", 1) for marker in pytest_fanin.MARKERS]
    parts = [
        ("Fixtures", ("fixture", "what it is"), fixtures),
        ("Markers", ("marker", "what it says"), [(f"`{name}`", escape(said)) for name, said in markers]),
        ("Options", ("option", "what it does"), options.lines),
    ]
    return "\n".join(f"## {title}\n\n{table(heads, lines)}" for title, heads, lines in parts)


def fixtures_of(plugin: Any) -> list[tuple[str, Any]]:
    """Its fixtures, each of which has to say what it is."""
    found = [(name, item) for name, item in vars(plugin).items() if name.startswith("fanin_")]
    silent = [name for name, item in found if not inspect.getdoc(item)]
    if silent or not found:
        raise SystemExit(f"docs/generate.py: no word for the fixtures {silent}")
    return found


# --- tables -----------------------------------------------------------------------------------------------------------


def rows_table() -> str:
    """The columns of a sweep, their types and meanings."""
    meanings = PLACES | attributes(fanin.Run) | {name: first_line(getattr(fanin.Run, name)) for name in rows.RATES}
    missing = [name for name in rows.KINDS if name not in meanings]
    if missing or set(PLACES) != set(rows.PLACE):
        raise SystemExit(f"docs/generate.py: no word for the columns {missing}")
    return table(
        ("column", "type", "meaning"),
        [(f"`{name}`", f"`{kind}`".replace("|", "\\|"), escape(meanings[name])) for name, kind in rows.KINDS.items()],
    )


def attributes(kind: type) -> dict[str, str]:
    """What the `Attributes:` of a docstring say."""
    section = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    for line in section.splitlines():
        if new := re.match(r"    (\w+): (.*)", line):
            name = new[1]
            found[name] = new[2]
        elif line.startswith("        "):
            found[name] += f" {line.strip()}"
    return found


def first_line(item: Any) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(item) or "").partition("\n")[0]


STRATEGIES = """# Strategies

A strategy is a queue, a slash, and a write policy: `swap/batch`. Every queue goes with every policy.

| write | the actor |
| --- | --- |
| `each` | writes a message at a time |
| `batch` | writes all that was drained; what lies in short pieces is copied together |
| `vectored` | writes the pieces as they lie, gathered, without a copy |

{py:func}`fanin.strategies` has the same in a table, and `fanin strategies` in a shell.
"""


def strategies_page() -> str:
    """The queues: what they guarantee, cost, and when they lose."""
    parts = [STRATEGIES]
    queues = {strategy.queue: strategy for strategy in fanin.strategies()}
    families = list(dict.fromkeys(strategy.family for strategy in queues.values()))
    for family in families:
        parts.append(f"## {family.capitalize()}\n")
        for name, one in queues.items():
            if one.family == family:
                parts.append(queue(name, one))
    return "\n".join(parts)


def queue(name: str, one: fanin.Strategy) -> str:
    """One queue, as a definition list would have it."""
    about = one.about.rpartition("; ")[0]
    facts = [
        ("takes", one.drain), ("order", one.order),
        ("when full", ", ".join(one.policies) if one.bounded else "has no bound"),
        ("holds, unless told", one.default_capacity or "no bound"),
        ("guarantees", one.guarantees), ("cost", one.cost), ("loses when", one.loses_when), ("source", one.source),
    ]  # fmt: skip
    sound = "" if one.sound else " **Known not to deliver all that it takes: a run says so.**"
    sentence = f"{about[0].upper()}{about[1:]}"
    return f"### `{name}`\n\n{escape(sentence)}.{sound}\n\n" + table(("", ""), [(k, escape(v)) for k, v in facts])


def table(heads: tuple[str, ...], lines: Any) -> str:
    """A table in Markdown."""
    made = [heads, tuple("---" for _ in heads), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in made) + "\n"


def escape(text: str) -> str:
    """Text for a cell of such a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
