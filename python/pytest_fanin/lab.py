"""A ratio of two strategies, asserted: it holds, it does not, or this machine cannot say in the time it was given."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import fanin

__all__ = ["Lab"]

#: The shares of the time that each look at the ratio takes. A clear case is decided by the first.
LOOKS = (1 / 7, 2 / 7, 4 / 7)
#: How often a verdict may be wrong, over all looks together.
ERROR = 0.05
#: What a sweep takes beside its plan.
OF_A_SWEEP = ("journal", "resume", "executor", "wait")


class Lab:
    """Measures strategies in this process: what the fixture `fanin_lab` gives.

    Attributes:
        check: Nothing is measured; each strategy is run once, and has to deliver.
        strict: What stays undecided fails.

    Example:
        >>> from pytest_fanin import Lab
        >>> def test_batching_pays(fanin_lab: Lab) -> None:
        ...     fanin_lab.assert_ratio("swap/batch", over="mpsc-one/each", at_least=3, messages=100)
        >>> test_batching_pays(Lab(check=True))
    """

    def __init__(self, *, check: bool = False, strict: bool = False) -> None:
        self.check, self.strict = check, strict

    def assert_ratio(
        self,
        strategy: str,
        *,
        over: str,
        at_least: float,
        max_time: float | str = "20s",
        producers: int = 64,
        **load: Any,
    ) -> fanin.Comparison | None:
        """Asserts that `strategy` is at least so many times as fast as another.

        Both run in interleaved rounds. The test passes when the whole interval of the ratio is at or above `at_least`,
        and fails when it is below. Else there is another look, with new runs, for twice as long. What is undecided when
        the time is over is a skip, or with `--fanin-strict` a failure. All looks together are wrong once in twenty
        times.

        Args:
            strategy: As `fanin.strategies()` lists them.
            over: What it is compared with.
            at_least: The ratio that is asserted.
            max_time: The time to spend: seconds, or words such as `"2min"`.
            producers: How many send.
            load: What else `fanin.sweep` takes for one load: `messages`, `payload`, `capacity`, …

        Returns:
            The comparison that decided; None where nothing was measured.

        Raises:
            PlanError: An argument is wrong, or what is asked is not one load that both strategies can run. It is told
                also where nothing is measured.

        Example:
            >>> from pytest_fanin import Lab
            >>> lab = Lab(check=True)  # as `fanin_lab` is with --fanin-check, and under xdist
            >>> lab.assert_ratio("swap/batch", over="mpsc-one/each", at_least=3, producers=8, messages=10) is None
            True
        """
        import fanin
        from fanin import _check

        _check.real("at_least", at_least, 1e9, "times as fast")
        seconds = _check.seconds("max_time", max_time)
        _one_load(strategy, over, producers, load)
        if self.check:
            self._run_once((strategy, over), producers, load)
            return None
        said = "nothing was measured"
        for look, share in enumerate(LOOKS):
            try:
                sweep = fanin.sweep(
                    [strategy, over],
                    producers,
                    rounds="auto",
                    budget=seconds * share,
                    seed=look,
                    progress=False,
                    **load,
                )
            except fanin.HostBusy as busy:
                said = str(busy)
                break
            except fanin.PlanError as wrong:
                if not str(wrong).startswith("budget="):
                    raise
                said = f"one round takes longer than this look ({wrong})"
                continue
            comparison = sweep.compare(over=over, level=1 - ERROR / len(LOOKS))
            row = comparison.to_dicts()[0]
            said = _told(strategy, over, row)
            if row["verdict"] == "not delivered":
                pytest.fail(f"{said}\n{comparison}")
            if row["low"] is not None and row["low"] >= at_least:
                return comparison
            if row["high"] is not None and row["high"] < at_least:
                pytest.fail(f"{said}; asserted is at least {at_least:g}\n{comparison}")
        raise self._undecided(f"{said}; whether it is at least {at_least:g} stays undecided after {seconds:g} s")

    def _run_once(self, strategies: tuple[str, ...], producers: int, load: dict[str, Any]) -> None:
        """Only whether they deliver."""
        import fanin

        takes = inspect.signature(fanin.run).parameters
        of_a_run = {name: value for name, value in load.items() if name in takes}
        for strategy in strategies:
            fanin.run(strategy, producers, **of_a_run).require_delivery()

    def _undecided(self, said: str) -> Exception:
        outcome: Any = pytest.fail if self.strict else pytest.skip
        failure: Exception = outcome.Exception(said)
        return failure


def _one_load(strategy: str, over: str, producers: int, load: dict[str, Any]) -> None:
    """Refuses what is no pair of strategies under one load, also where nothing is measured."""
    import fanin
    from fanin import _check, _format

    if strategy == over:
        raise _check.refuse("over", over, "allowed is another strategy than the one that is held against it")
    of_a_plan = {name: value for name, value in load.items() if name not in OF_A_SWEEP}
    plan = fanin.Plan([strategy, over], producers, rounds=1, **of_a_plan)
    if len(plan.cells) != 2:
        reasons = "".join(f"; {one.cell.strategy}: {one.reason}" for one in plan.left_out)
        runs = _format.plural(len(plan.cells), "run")
        raise fanin.PlanError(f"assert_ratio: allowed is one load that both can run; this makes {runs}{reasons}")


def _told(strategy: str, over: str, row: dict[str, Any]) -> str:
    if row["ratio"] is None:
        return f"{strategy} over {over}: no ratio from {row['pairs']} rounds"
    ends = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
    return f"{strategy} is {row['ratio']:.2f} times as fast as {over}{ends}, {row['pairs']} rounds"
