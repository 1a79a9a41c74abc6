package main

// beside says how two commits are compared.
const beside = `## Beside another commit

` + "`make bench BASE=<commit>`" + ` measures the proxy of the working tree beside that of a commit, and exits 1 where
the tree is worse; ` + "`ROUNDS=`" + ` (9, and no fewer) and ` + "`SPAN=`" + ` (1s) make it longer. Both builds, and the
base a second time, run at once and are loaded in turns, 100 ms each, by one client on loopback: a route of
Envelope, Merge and First with two backends and of Envelope with eight, small bodies, 64 connections
and 1. Each round has new processes. A ratio is the tree's figure to the geometric mean of the base's two in
the same round, and the medians of all rounds are judged: CPU of the process a call, calls a second, p50,
p99, and the most memory resident. The spread is how far from 1 four of five ratios of the base
to itself lie. Worse is what is worse by more than 3 % and by more than that spread. The table goes to
dist/bench.md. About six minutes, and a quiet machine, or the spread hides what is there.

`
