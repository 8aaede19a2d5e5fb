"""What a shell can ask of a saved sweep, and of the host: `fanin compare`, `explain`, `plot`, `doctor`."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _format
from ._check import refuse
from ._stderr import complain

if TYPE_CHECKING:
    from .stats.compare import Comparison
    from .sweeps import Sweep

__all__ = ["COMMANDS"]

OK, FAILED = 0, 1
#: What fails with `--fail-on slower`: where nothing was delivered there is no speed to compare.
FAILING = ("slower", "not delivered")
METRIC = "nanoseconds_per_message"
KINDS = ("lines", "ratio", "causes", "regimes", "latency", "backlog")

Command = tuple[str, str, str, Callable[[Namespace], int], Callable[[ArgumentParser], None]]


def _compare(options: Namespace) -> int:
    sweep = _load(options.sweep)
    over = _load(options.against) if options.against else options.over
    found = sweep.compare(over, metric=options.metric, equivalence=options.equivalence)
    if options.fail_on is not None and not found.rows:
        raise refuse(
            "fail_on", options.fail_on, "nothing was compared: allowed with two strategies, or an earlier sweep"
        )
    _show(options, found)
    return OK if options.fail_on is None else _judged(found)


def _judged(found: Comparison) -> int:
    """Fails on what is slower, and on what has no speed since it did not deliver."""
    verdicts = [row["verdict"] for row in found]
    bad = {word: verdicts.count(word) for word in FAILING if word in verdicts}
    if not bad:
        return OK
    told = ", ".join(f"{count} {word}" for word, count in bad.items())
    complain(f"fanin: error: {told} (of {_format.plural(len(verdicts), 'verdict')})")
    return FAILED


def _explain(options: Namespace) -> int:
    return _show(options, _load(options.sweep).explain(options.strategy, options.over, metric=options.metric))


def _doctor(options: Namespace) -> int:
    if options.report:
        from .report import report

        print(json.dumps({"report": report()}) if options.json else report())
        return OK
    from .stats.noise import doctor

    _show(options, doctor(quick=not options.full))
    if not options.json:
        print("for a bug report: fanin doctor --report")
    return OK


def _plot(options: Namespace) -> int:
    from . import _outputs, plot

    target = _outputs.picture("out", options.out)
    sweep = _load(options.sweep)
    plot.save(lambda figure: _draw(options, sweep, plot.empty(figure)), target)
    print(json.dumps({"wrote": options.out}) if options.json else f"wrote {options.out}")
    return OK


def _draw(options: Namespace, sweep: Sweep, axes: Any) -> None:
    if options.kind == "lines":
        sweep.plot(options.metric, x=options.x, by=options.by, ax=axes)
    elif options.kind == "ratio":
        sweep.plot_ratio(options.over, metric=options.metric, x=options.x, ax=axes)
    elif options.kind == "causes":
        sweep.explain(metric=options.metric).plot(x=options.x, ax=axes)
    elif options.kind == "regimes":
        sweep.plot_regimes(options.metric, x=options.x, ax=axes)
    elif options.kind == "latency":
        sweep.plot_latency(by=options.by, ax=axes)
    else:
        sweep.plot_backlog(by=options.by, ax=axes)


def _load(path: str) -> Sweep:
    from .sweeps import Sweep

    return Sweep.load(path)


def _show(options: Namespace, found: Any) -> int:
    print(json.dumps(found.to_json()) if options.json else repr(found))
    return OK


def _file(parser: ArgumentParser) -> None:
    parser.add_argument("sweep", metavar="FILE", help="a saved sweep, or a journal")
    parser.add_argument("--metric", default=METRIC, metavar="COLUMN", help="what is compared; default: %(default)s")
    parser.add_argument("--over", metavar="STRATEGY", help="what the others are compared with")


def _compare_arguments(parser: ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("against", nargs="?", metavar="EARLIER", help="compare each cell with the same in this sweep")
    parser.add_argument(
        "--equivalence", type=float, default=0.05, metavar="SHARE", help="as good is within; default: %(default)s"
    )
    about = "exit with 1 if a verdict is slower, or a run did not deliver; undecided is not slower. Default: never"
    parser.add_argument("--fail-on", choices=("slower",), metavar="slower", help=about)


def _explain_arguments(parser: ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--strategy", metavar="STRATEGY", help="where the way ends; default: swap-yield or swap/batch")


def _plot_arguments(parser: ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="default: %(default)s")
    parser.add_argument("--x", default="producers", metavar="COLUMN", help="along the axis; default: %(default)s")
    parser.add_argument("--by", default="strategy", metavar="COLUMN", help="a line a value; default: %(default)s")
    parser.add_argument("--out", required=True, metavar="PNG", help="where to write the picture")


def _doctor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="20 rounds of 4 identical arms, in place of 6 of 3")
    parser.add_argument("--report", action="store_true", help="what a bug report needs of this host; measures nothing")


COMMANDS: tuple[Command, ...] = (
    (
        "compare",
        "strategies of a saved sweep with each other, or a sweep with an earlier one",
        "compare sweep.json --over mpsc/batch --fail-on slower",
        _compare,
        _compare_arguments,
    ),
    ("explain", "what each cause between two strategies is worth", "explain sweep.json", _explain, _explain_arguments),
    ("plot", "a saved sweep as a picture", "plot sweep.json --kind ratio --out ratio.png", _plot, _plot_arguments),
    ("doctor", "the smallest effect that this host resolves now", "doctor --json", _doctor, _doctor_arguments),
)
