"""What a sweep can be asked: the methods that compare, explain and draw it, each by a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.compare import Comparison
    from .stats.explain import Explanation
    from .stats.noise import Checkup
    from .stats.scaling import Scaling
    from .table import Table

__all__ = ["Questions"]


class Questions:
    """What a `Sweep` can be asked. As a part of `Sweep` it needs its columns and rows, and knows nothing else of it."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def columns(self) -> tuple[str, ...]:
            """The columns' names."""

        def column(self, name: str) -> tuple[Any, ...]:
            """One column's values."""

        def __len__(self) -> int: ...

    def compare(
        self,
        over: str | Questions | None = None,
        *,
        metric: str = "nanoseconds_per_message",
        equivalence: float = 0.05,
        level: float = 0.95,
        noise: float | Checkup | None = None,
        seed: int = 0,
    ) -> Comparison:
        """Every strategy against one, cell by cell: how many times as fast, with an interval, and what that says.

        Ratios are paired: both runs from the same round on the same host. Their geometric mean has an interval by
        Student below 20 rounds and by bootstrap from 20 on. The verdict is `faster`, `slower`, `equivalent`,
        `not worse` or `undecided`; a cell in which a run did not deliver is not compared, and is named in the notes.

        Args:
            over: The baseline's strategy; by default `mpsc/batch` where it ran, else the first. Or an earlier sweep on
                this host: then each cell is compared with its own earlier self, unpaired.
            metric: A column with numbers; those that end in `_per_second` are better when higher.
            equivalence: How far from 1 is still as good: 0.05 is 5 %.
            level: How often an interval covers the truth.
            noise: The ratio that this host does not resolve, or a `doctor()`'s result; by default what `doctor()`
                measured in this process, if it did. It only ever takes certainty away.
            seed: What the bootstrap draws from.

        Returns:
            A `Comparison`.

        Raises:
            PlanError: No such strategy or column, or the other sweep ran on another host.

        Example:
            >>> import fanin
            >>> sweep = fanin.sweep(["mpsc-one/each", "mpsc/batch"], 8, rounds=3, min_seconds=0)
            >>> [row["strategy"] for row in sweep.compare(over="mpsc/batch")]
            ['mpsc-one/each']
        """
        from .stats import compare

        share: dict[str, Any] = {"metric": metric, "equivalence": equivalence, "level": level, "noise": noise}
        if isinstance(over, Questions):
            return compare.compare_sweeps(self, over, **share)
        return compare.compare(self, over, **share, seed=seed)

    def explain(
        self,
        strategy: str | None = None,
        over: str | None = None,
        *,
        metric: str = "nanoseconds_per_message",
        orders: str = "possible",
        equivalence: float = 0.05,
        level: float = 0.95,
        noise: float | Checkup | None = None,
        seed: int = 0,
    ) -> Explanation:
        """What taking all, writing at once, the queue and the waiting are each worth between two strategies.

        Each cause is the mean of its log-ratios over the orders in which the causes can be changed one at a time, so
        that the parts multiply to the whole exactly. Where a cause is worth something else depending on the rest, the
        conditions say what.

        Args:
            strategy: Where the way ends; by default `swap-yield/batch` where the sweep has a way there, which is what
                the article's mutex is, else `swap/batch`.
            over: Where it begins; by default `mpsc-one/each`, the article's channel.
            metric: A column with numbers.
            orders: `"possible"`: those that do not write in batches what is taken one at a time; or `"all"`.
            equivalence: How far from 1 makes no difference.
            level: How often an interval covers the truth.
            noise: As for `compare`.
            seed: What the bootstrap draws from.

        Returns:
            An `Explanation`; its `sentence` says it in words.

        Raises:
            PlanError: Strategies on the way did not run; the message names them.

        Example:
            >>> import fanin
            >>> ran = ["mpsc-one/each", "mpsc/each", "mpsc/batch", "swap/batch"]
            >>> why = fanin.sweep(ran, 8, rounds=3, min_seconds=0).explain()
            >>> [row["cause"] for row in why]
            ['taking', 'writing', 'queue', 'whole']
        """
        from .stats import explain

        share: dict[str, Any] = {"equivalence": equivalence, "level": level, "noise": noise, "seed": seed}
        return explain.explain(self, strategy, over, metric=metric, orders=orders, **share)

    def scaling(
        self, *, metric: str = "messages_per_second", cores: int | None = None, level: float = 0.95, seed: int = 0
    ) -> Scaling:
        """Gunther's Universal Scalability Law over `producers`, a fit a strategy, with intervals; or why it is refused.

        It is about workers that run at the same time: only counts within the host's cores, and at least six of them.

        Args:
            metric: A rate.
            cores: How many cores the host has; by default what the sweep says of it.
            level: How often an interval covers the truth.
            seed: What the bootstrap draws from.

        Returns:
            A `Scaling`; where nothing could be fitted, its `refused` says why.

        Example:
            >>> import fanin
            >>> law = fanin.sweep("swap/batch", [1, 2], rounds=2, min_seconds=0).scaling(cores=2)
            >>> law.refused
            '2 cores cannot show contention: the law needs 6 counts of producers that run at the same time'
        """
        from .stats import scaling

        return scaling.scaling(self, metric=metric, cores=cores, level=level, seed=seed)

    def warnings(self, metric: str = "nanoseconds_per_message") -> tuple[str, ...]:
        """What is doubtful about the numbers, a line each: pyperf's warnings, by its thresholds."""
        from .stats import checks

        return tuple(checks.remarks(self, metric))

    def plot_ratio(
        self,
        over: str | None = None,
        *,
        metric: str = "nanoseconds_per_message",
        x: str = "producers",
        ax: Axes | None = None,
    ) -> Axes | tuple[Axes, ...]:
        """How many times as fast as one strategy the others are, with intervals; what is not decided is hollow.

        The host's own noise is shaded where `doctor()` has measured it. Where more varies than `x`, there is a panel
        for each point of the rest. Needs `fanin[plot]`.
        """
        return self.compare(over, metric=metric).plot(x=x, ax=ax)

    def plot_regimes(
        self,
        metric: str = "nanoseconds_per_message",
        *,
        x: str = "producers",
        y: str = "payload",
        ax: Axes | None = None,
    ) -> Axes | tuple[Axes, ...]:
        """Which strategy wins where: a tile a point, blank where no strategy is faster than all others.

        Where more varies than `x` and `y`, there is a panel for each point of the rest. Needs `fanin[plot]`.
        """
        from . import plot_regimes

        return plot_regimes.draw(self, metric, x=x, y=y, ax=ax)

    def regimes(
        self,
        metric: str = "nanoseconds_per_message",
        *,
        equivalence: float = 0.05,
        noise: float | Checkup | None = None,
    ) -> Table:
        """Which strategy wins where, as a table: a row a point, with the `winner`, or None where that is undecided.

        Args:
            metric: As for `compare`.
            equivalence: As for `compare`.
            noise: As for `compare`.

        Returns:
            A `Table` with the axes that vary, `winner`, `next`, and by how much it leads that: `ratio`, `low`, `high`.

        Example:
            >>> import fanin
            >>> sweep = fanin.sweep(["mpsc-one/each", "mpsc/batch"], [8], rounds=3, min_seconds=0)
            >>> sweep.regimes().columns
            ('producers', 'winner', 'next', 'ratio', 'low', 'high')
        """
        from .stats.regimes import regimes

        return regimes(self, metric, equivalence=equivalence, noise=noise)

    def plot_latency(self, *, by: str = "strategy", ax: Axes | None = None) -> Axes:
        """Latency by quantile, a line a value of `by`: for sweeps under an open load. Needs `fanin[plot]`.

        A line is the histogram of all rounds together, from the median as far as its count supports, and ends at the
        longest latency; its band goes from the lowest round to the highest. Lines of saturated runs say so: what they
        show is how long the run was.
        """
        from . import plot_latency

        return plot_latency.draw(self, by=by, ax=ax)

    def plot_backlog(self, *, by: str = "strategy", round: int = 0, ax: Axes | None = None) -> Axes:
        """What stood in the queue over time, a line a value of `by`; with its peak, and with what was dropped.

        For sweeps with `timeline=True`. Needs `fanin[plot]`.

        Args:
            by: The column that tells the lines apart.
            round: The round whose runs are shown: the first burst of each.
            ax: Axes to draw on; by default those of a new figure.
        """
        from . import plot_backlog

        return plot_backlog.draw(self, by=by, number=round, ax=ax)
