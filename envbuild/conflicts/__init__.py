"""Which drivers can share an interpreter, decided from their lockfiles; no index is asked.

Each module decides one thing, and the first answer counts:

1. `demand`: the pins of both lockfiles fit together (yes), or a package that both need has no common candidate (no).
2. `greedy_choice`: a choice without search. What it finds is right; if it finds nothing, the question stays open.
3. `propagation`: necessary conditions. An empty domain means no; anything else leaves the question open.
4. resolvelib (`resolvelib_provider`): the complete search. It decides what is still open.

`joint_solution` asks the last three in this order, `pair_decision` asks all of them for a pair,
and `proof` finds the fewest requirements that cause a "no".
"""
