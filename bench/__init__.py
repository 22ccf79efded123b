"""Speed against peers: everything side by side in one run, told as ratios.

`python -m bench` prints all tables, `python -m bench tcp udp` those two. How it is measured, and why in ratios,
stands in docs/explanation/benchmarks.md. The figures come from load generators in C (`native/`), so that the
one who asks is never slower than the one who answers.
"""
