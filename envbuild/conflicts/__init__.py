"""Which drivers can share an interpreter, decided from their lockfiles; no index is asked.

Each module decides one thing, and the first answer counts:

1. `demand`: the pins of both lockfiles fit together (yes), or a package that both need has no common candidate (no).
2. `greedy_choice`: a choice without search. A choice that it finds is right; otherwise the question stays open.
3. `propagation`: necessary conditions. An empty domain means no; otherwise the question stays open.
4. resolvelib (`resolvelib_provider`): the complete search. It decides what is still open.

`joint_solution` runs the last three in this order, `pair_decision` runs all of them for a pair,
and `proof` finds the fewest requirements that cause a "no".
"""
