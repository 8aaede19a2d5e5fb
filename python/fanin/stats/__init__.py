"""What a sweep's numbers allow to say: intervals, comparisons, causes, scaling, and what the host resolves.

All of it is plain Python. What is needed is Student's quantiles, which have a closed form for whole degrees of freedom;
a bootstrap of means, a few milliseconds; and least squares with three unknowns. numpy and scipy would bring 100 MB for
that, and a `compare` that a bare install lacks; their answers are the same, which the tests hold.

1. `intervals`: the interval for a mean, Student's or by bootstrap
2. `pairs`: which runs may be compared
3. `verdicts`: what an interval allows to say
4. `compare`: strategies against one of them
5. `causes`, `explain`: what each cause between two strategies is worth
6. `scaling`: the Universal Scalability Law, or why it is refused
7. `noise`, `host`: what this host resolves
8. `checks`: warnings, in pyperf's wording
"""
