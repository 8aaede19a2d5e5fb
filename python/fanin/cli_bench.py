"""What a shell can ask about all strategies: `fanin bench` and `fanin recommend`."""

from __future__ import annotations

import json
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any

from ._check import refuse
from .cli_stats import Command

__all__ = ["COMMANDS"]

OK, NOT_DELIVERED = 0, 1


def _bench(options: Namespace) -> int:
    if options.targets:
        return _targets(options)
    if options.only is not None:
        raise refuse("only", options.only, "it chooses among the targets: allowed with --targets")
    from .bench import PAYLOADS, bench

    found = bench(
        options.strategies.split(",") if options.strategies else (),
        producers=options.producers,
        payloads=[int(size) for size in options.payload.split(",")] if options.payload else PAYLOADS,
        rounds=options.rounds or 5,
        seed=options.seed,
        progress=options.progress,
    )
    _print(options, found)
    return OK if _sound(found.sweep) else NOT_DELIVERED


def _targets(options: Namespace) -> int:
    from .targets import ROUNDS, targets

    found = targets(only=options.only, rounds=options.rounds or ROUNDS, seed=options.seed, progress=options.progress)
    _print(options, found)
    return OK if found.delivered else NOT_DELIVERED


def _sound(sweep: Any) -> bool:
    """Whether all delivered but those that are known not to: that they are found out is what a bench is for."""
    from .catalogue import strategies

    unsound = {strategy.name for strategy in strategies() if not strategy.sound}
    ran = zip(sweep.column("strategy"), sweep.column("status"), strict=True)
    return all(status == "ok" for name, status in ran if name not in unsound)


def _recommend(options: Namespace) -> int:
    from .advice import recommend

    names = ("producers", "payload", "rate", "ordered", "capacity", "rounds", "seed", "progress")
    _print(options, recommend(**{name: getattr(options, name) for name in names}))
    return OK


def _print(options: Namespace, found: Any) -> None:
    print(json.dumps(found.to_json()) if options.json else repr(found))


def _paced(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what the order of the rounds is drawn from")
    parser.add_argument("--progress", action=BooleanOptionalAction, help="a bar on stderr; default: on a terminal")


def _bench_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("strategies", nargs="?", metavar="NAMES", help="some only, such as lanes/batch,direct/batch; default: all")
    add("--producers", type=int, default=4, metavar="N", help="how many threads send; default: 4")
    add("--payload", metavar="BYTES", help="the sizes, such as 64,256; default: 1,64,256,4096")
    add("--targets", action="store_true", help="measure what lanes is held to, and say what it comes to")
    add("--only", metavar="LOAD", help="of the targets, those whose load has this in its name, such as '4 x 64 B'")
    add("--rounds", type=int, metavar="N", help="how often each is visited; default: 5, for the targets 15")
    _paced(parser)


def _recommend_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--producers", type=int, default=64, metavar="N", help="how many send; default: 64")
    add("--payload", type=int, default=64, metavar="BYTES", help="a message's size; default: 64")
    add("--rate", type=float, metavar="N", help="messages a second in all; default: as fast as it goes")
    add("--ordered", action="store_true", help="one order for all producers, not only for each")
    add("--capacity", type=_capacity, metavar="SIZE", help="the most that the queue may hold: bytes, '256 KiB'")
    add("--rounds", type=int, default=9, metavar="N", help="how often the finalists run; default: 9")
    _paced(parser)


def _capacity(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


COMMANDS: tuple[Command, ...] = (
    ("bench", "every strategy beside the ceiling, at four sizes", "bench --rounds 5", _bench, _bench_arguments),
    (
        "recommend",
        "the strategy for a load, from a short sweep on it",
        "recommend --producers 64 --payload 256 --capacity '1 MiB'",
        _recommend,
        _recommend_arguments,
    ),
)
