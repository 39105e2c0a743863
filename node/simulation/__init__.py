"""Realistic traffic on running nodes, with mischief in it, and what must hold afterwards.

* `kinds`: the kinds of cases, their shares and lengths.
* `plan`: what is wished for, in which order, after which pauses: all of it from the seed.
* `moves`: what can be decided, one line a decision, in tables (`care_moves`, `consent_moves`,
  `handoff_moves`, `ruled_moves`, `forbidden_moves`).
* `playing`: several threads per country take what is planned; outcomes of races differ.
* `invariants`: what must hold whatever happened, computed from what every country mirrored.

A new decision is one line in a table: `Move(take, when, arguments, weight=...)`. `take` is the
decision, `when` a predicate on the case as the deciding country sees it (`Seen`), `arguments` makes
its arguments from that view; ids come from `Seen.id()`. Everything else has a default: who decides
(`by`), in which kinds of cases (`kinds`), and `against`, the move that another country may make at
the very same moment. What must be refused stands in `forbidden_moves` in the same way. A new part
is a new module with a table, named in `moves.TABLES`. A new thing that must hold is a function in
`invariants/`, named in its table.
"""
