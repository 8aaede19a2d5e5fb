"""The same from a shell: `fanin run`, `sweep`, `compare`, `explain`, `plot`, `doctor`, `article`, `send` and more."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import cli_bench, cli_send, cli_servers, cli_stats
from ._stderr import complain
from .cli_parser import BAD_ARGUMENT, Parser

if TYPE_CHECKING:
    from . import errors

__all__ = ["main"]

OK, NOT_DELIVERED, SYSTEM, INTERRUPTED, PIPE = 0, 1, 3, 130, 141
CODES = """exit codes:
  0    done; every message, but those dropped on purpose, arrived exactly once and in order
  1    a run did not deliver; of `compare --fail-on slower`: or a verdict is slower
  2    an argument, a plan or a journal is wrong, or a file that was asked for cannot be written; nothing was started
  3    the system refused: a port in use, a file that cannot be read, a full disk, a package that is not installed
  130  Ctrl-C
  141  the reader of a pipe went away
  143  SIGTERM, to `fanin send`; as after Ctrl-C, what it had taken is sent and accounted for"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse(arguments)
    try:
        code = _guarded(options)
        if sys.stdout is not None:  # a program may be started with none
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would raise once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE
    return code


def _guarded(options: argparse.Namespace) -> int:
    """Runs the command; an error is one line on stderr and its code."""
    from . import errors

    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except BrokenPipeError:
        raise
    except errors.SweepInterrupted as stop:
        return _interrupted(options, stop)
    except (errors.PlanError, errors.JournalError) as error:
        return _say(str(error).replace("; resume=True finishes", "; --resume finishes"), BAD_ARGUMENT, error)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except errors.NotDelivered as error:
        return _say(str(error), NOT_DELIVERED, error)
    except (errors.FaninError, OSError) as error:
        return _say(_reason(error), SYSTEM, error if isinstance(error, errors.FaninError) else None)


def _say(problem: str, code: int, error: errors.FaninError | None = None) -> int:
    """One line, so that it can be grepped for."""
    more = f" (what to do next: python -m pydoc fanin.{error._known()})" if error else ""
    complain(f"fanin: error: {' '.join(problem.split())}{more}")
    return code


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _interrupted(options: argparse.Namespace, stop: Any) -> int:
    if len(stop.sweep):
        _sweep_out(options, stop.sweep)
        sys.stdout.flush()
    kept = str(stop).replace("they are in .sweep", "they are above" if len(stop.sweep) else "none is kept")
    return _say(kept, INTERRUPTED)


# --- commands ---------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    from .running import run
    from .runs import DELIVERED

    result = run(options.strategy, seed=options.seed, **_knobs(options))
    _print(options, result.to_dict, lambda: repr(result).strip("<>"))
    return OK if result.status in DELIVERED else NOT_DELIVERED


def _sweep(options: argparse.Namespace) -> int:
    _try_outputs(options)
    plan = _plan(options)
    if options.dry_run:
        dry = plan.dry_run()
        _print(options, dry.to_json, lambda: repr(dry))
        return OK
    result = plan.run(journal=options.journal, resume=options.resume, progress=options.progress)
    _sweep_out(options, result)
    return OK if result.delivered else NOT_DELIVERED


def _plan(options: argparse.Namespace) -> Any:
    """The plan in the file that was named, or the one that the options describe."""
    from .errors import PlanError
    from .plan import Plan

    if not str(options.strategies).endswith(".toml"):
        return Plan(options.strategies, **_knobs(options), **{name: getattr(options, name) for name in OFTEN})
    given = [name for name, untouched in options.untouched.items() if getattr(options, name) is not untouched]
    if given:
        raise PlanError(f"--{given[0].replace('_', '-')}: the plan in {options.strategies} brings its own")
    return Plan.read(options.strategies)


def _sweep_out(options: argparse.Namespace, result: Any) -> None:
    """Keeps a sweep where asked, before anything else can go wrong, prints it and draws it."""
    if options.command is _sweep and options.out:
        result.save(options.out)
    _print(options, result.to_json, lambda: repr(result))
    if getattr(options, "plot", None):
        from pathlib import Path

        from . import plot

        plot.save(lambda figure: plot.on(figure, result), Path(options.plot))


def _try_outputs(options: argparse.Namespace) -> None:
    """Refuses what cannot be written while nothing is lost by it."""
    from . import _outputs

    if options.out:
        _outputs.file("out", options.out)
    if options.plot:
        _outputs.picture("plot", options.plot)


def _article(options: argparse.Namespace) -> int:
    import warnings

    from . import _outputs
    from .answer import article

    if options.out:
        _outputs.folder("out", options.out)
    answer = article(
        options.quick,
        workers=options.workers,
        messages=options.messages,
        rounds=options.rounds,
        seed=options.seed,
        server=options.server,
        progress=options.progress,
    )
    told: list[str] = []
    if options.out:
        with warnings.catch_warnings(record=True) as left_out:
            warnings.simplefilter("always")
            told += [f"wrote {path}" for path in answer.save(options.out)]
        told += [str(warning.message) for warning in left_out]
    _print(options, answer.to_json, answer.table)
    for line in told:
        complain(line)
    return OK if answer.sweep.delivered else NOT_DELIVERED


def _top(options: argparse.Namespace) -> int:
    from .top import top

    result, code = top(_plan(options), options.journal)
    _sweep_out(options, result)
    return code or (OK if result.delivered else NOT_DELIVERED)


def _strategies(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from .catalogue import strategies

    _print(options, lambda: [asdict(strategy) for strategy in strategies()], lambda: repr(strategies()))
    return OK


def _print(options: argparse.Namespace, as_json: Callable[[], Any], as_text: Callable[[], str]) -> None:
    print(json.dumps(as_json()) if options.json else as_text())


# --- arguments --------------------------------------------------------------------------------------------------------

LOAD = (
    "producers", "messages", "payload", "capacity", "on_full", "work", "delay", "server", "read_rate", "pause",
    "receive_buffer", "send_buffer", "producers_as", "actor", "threads", "load",
)  # fmt: skip
KNOBS = (*LOAD, "bursts", "min_seconds", "timeout", "timeline")
PACE = ("rate", "arrivals")
OFTEN = ("rounds", "budget", "confirm", "seed")


def _knobs(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in KNOBS} | {"load": _paced(options)}


def _paced(options: argparse.Namespace) -> Any:
    """The load, or for a sweep with lists of rates or arrivals the loads."""
    from . import _check, loads

    several = [value if isinstance(value, list) else [value] for value in (options.rate, options.arrivals)]
    if _check.one_of("load", options.load, ("closed", "open")) == "closed":
        for name, value in zip(PACE, (options.rate, options.arrivals), strict=True):
            if value is not None:
                raise _check.refuse(name, value, "allowed is none with a closed load; --load open takes one")
        return loads.CLOSED
    if options.rate is None:
        raise _check.refuse("rate", None, "an open load needs messages a second, as in --load open --rate 10000")
    made = [loads.open_loop(rate, arrivals or "constant") for rate in several[0] for arrivals in several[1]]
    return made if len(made) > 1 else made[0]


def _list_of(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """`1,8,64` as a list; one value as itself."""

    def read(text: str) -> Any:
        values = [None if part.strip() == "none" else kind(part.strip()) for part in text.split(",")]
        return values[0] if len(values) == 1 else values

    read.__name__ = f"{kind.__name__} list"
    return read


def _parser() -> Parser:
    parser = Parser(prog="fanin", description=__doc__, epilog=CODES)
    parser.add_argument("--version", action="version", version=f"fanin {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, about, example, command, arguments in COMMANDS:
        epilog = f"example:\n  fanin {example}\n\n{CODES}"
        sub = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=epilog)
        sub.set_defaults(command=command)
        arguments(sub)
        sub.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _version() -> str:
    from ._native import __version__

    return __version__


def _run_arguments(parser: Parser) -> None:
    parser.add_argument("strategy", help="as `fanin strategies` lists them, such as swap/batch")
    _load(parser, lambda kind: kind, producers=64, min_seconds=0.0)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what poisson arrivals are drawn from")


def _sweep_arguments(parser: Parser) -> None:
    add = parser.add_argument
    _plan_arguments(parser)
    add("--resume", action="store_true", help="finish what the journal holds")
    add("--dry-run", action="store_true", help="only show what would be run, what is left out, and how long it takes")
    add("--out", metavar="FILE", help="also save the sweep, as JSON that fanin.Sweep.load reads")
    add("--plot", metavar="FILE", help="also draw ns a message over producers; needs fanin[plot]")


def _plan_arguments(parser: Parser) -> None:
    """What a plan is made of; `untouched` is what it is unless it is given."""
    add = parser.add_argument
    add("strategies", type=_list_of(str), help="one, or several: mpsc/batch,swap/batch; or a plan's file: plan.toml")
    _load(parser, _list_of, producers=[1, 8, 64, 512], min_seconds=0.05)
    _rounds(parser, 5, "how often each cell is visited, or auto: as often as the budget holds; default: 5", _often)
    add("--budget", metavar="TIME", help="the time to spend, such as 90s or 2min; default: as long as the rounds take")
    add("--confirm", type=int, default=0, metavar="N", help="spread the rounds over N fresh processes")
    add("--journal", metavar="FILE", help="keep each run in FILE as it ends, one JSON line a run")
    parser.set_defaults(untouched={name: parser.get_default(name) for name in (*KNOBS, *PACE, *OFTEN)})


def _number(text: str) -> int | str:
    """A number, or words in its place."""
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() else text


_number.__name__ = "number"


def _often(text: str) -> Any:
    return text if text == "auto" else int(text)


_often.__name__ = "int or auto"


def _load(parser: Parser, kind: Callable[[Any], Any], *, producers: Any, min_seconds: float) -> None:
    """What `run` and `sweep` share; for a sweep most of it may be a list."""
    several = " (or a list: 1,8,64)" if kind is _list_of else ""
    whole, words, real, size = kind(int), kind(str), kind(float), kind(_number)
    add = parser.add_argument
    add(
        "--producers",
        type=whole,
        default=producers,
        metavar="N",
        help=f"how many send{several}; default: {_shown(producers)}",
    )
    add(
        "--messages",
        type=whole,
        default=1000,
        metavar="N",
        help=f"how many each of them sends{several}; default: %(default)s",
    )
    about = f"a message's size{several}; a mix, '64*9+4096*1'; or a file's lines, @access.log; default: %(default)s"
    add("--payload", type=size, default=1, metavar="BYTES", help=about)
    about = "the most that the queue holds: bytes, '256 KiB', '1000 messages'; default: no bound"
    add("--capacity", type=size, metavar="SIZE", help=about)
    about = "wait (default), drop_newest or drop_oldest"
    add("--on-full", type=words, default="wait", metavar="WHAT", help=about)
    add("--work", type=whole, default=0, metavar="NS", help="CPU nanoseconds before each message; default: 0")
    add("--delay", type=real, default=0.0, metavar="S", help="seconds of sleep before each message; default: 0")
    add("--server", type=words, default="discard", metavar="MODE", help="discard (default) or echo")
    add(
        "--read-rate", type=size, metavar="RATE", help="what the server reads: 65536, '1 MiB/s'; default: all that come"
    )
    about = "a time in which the server does not read, once a burst: '100 ms after 700 ms', '1 s after 65536 bytes'"
    add("--pause", type=words, metavar="WHEN", help=about)
    add("--receive-buffer", type=size, metavar="SIZE", help="bytes to ask for the server's receive buffer")
    add("--send-buffer", type=size, metavar="SIZE", help="bytes to ask for the send buffer of the actor's socket")
    about = "closed (default): as fast as it goes; open: at a rate, for latency, with a payload of 2 and more"
    add("--load", default="closed", metavar="KIND", help=about)
    add("--rate", type=real, metavar="N", help=f"messages a second of an open load, all producers together{several}")
    add("--arrivals", type=words, metavar="KIND", help="of an open load: constant (default) or poisson")
    add("--producers-as", type=words, default="tasks", metavar="KIND", help="tasks (default) or threads")
    add(
        "--actor",
        type=words,
        default="thread",
        metavar="KIND",
        help="a thread of its own (default), or a task among the producers",
    )
    add("--threads", type=whole, metavar="N", help="the runtime's threads; default: one a core")
    add("--bursts", type=int, default=1, metavar="N", help="repeat the burst at least so often; default: 1")
    add(
        "--min-seconds",
        type=float,
        default=min_seconds,
        metavar="S",
        help="and until so many seconds are timed; default: %(default)s",
    )
    add("--timeout", type=float, metavar="S", help="give one run up after so long; default: never")
    add("--timeline", action="store_true", help="keep each run's backlog over time")


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _rounds(parser: Parser, default: int | None, about: str, kind: Callable[[str], Any] = int) -> None:
    parser.add_argument("--rounds", type=kind, default=default, metavar="N", help=about)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what the order of the rounds is drawn from")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar on stderr; default: on a terminal"
    )


def _article_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("--quick", action="store_true", help="1, 8, 64 and 512 workers, in less than a minute")
    add("--workers", type=_list_of(int), metavar="N,N", help="other counts; default: 1, 2, 4 … 8192")
    add("--messages", type=int, default=1000, metavar="N", help="one-byte messages a worker; default: 1000")
    add("--server", default="discard", metavar="MODE", help="discard (default) or echo")
    add("--out", metavar="DIR", help="also write article.json, and article.png where matplotlib is installed")
    _rounds(parser, None, "how often each cell is visited; default: 5, fewer for the largest bursts")


def _no_arguments(_: Parser) -> None:
    pass


COMMANDS: tuple[tuple[str, str, str, Callable[[argparse.Namespace], int], Callable[[Any], None]], ...] = (
    ("run", "one strategy under one load, verified", "run swap/batch --producers 64", _run, _run_arguments),
    (
        "sweep",
        "a grid of strategies and loads, in interleaved rounds",
        "sweep mpsc/batch,swap/batch --producers 1,8,64 --out sweep.json",
        _sweep,
        _sweep_arguments,
    ),
    (
        "article",
        "the article's figures, what its benchmark delivers, and verified figures",
        "article --quick --out out",
        _article,
        _article_arguments,
    ),
    (
        "top",
        "a sweep while it goes on: throughput, queue fill, batch size, waiting, drops; Ctrl-C ends it",
        "top swap/batch --producers 64 --min-seconds 5",
        _top,
        _plan_arguments,
    ),
    ("strategies", "every queue and write policy", "strategies --json", _strategies, _no_arguments),
    *cli_servers.COMMANDS,
    *cli_send.COMMANDS,
    *cli_bench.COMMANDS,
    *cli_stats.COMMANDS,
)
