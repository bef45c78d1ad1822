"""``python -m benchmarks [--quick]``: prints the table, writes ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import platform
from collections.abc import Iterable
from pathlib import Path

from benchmarks import hostile, kept, node, peers, server, servers, start
from benchmarks.cases import Suite
from benchmarks.measure import Case, ratio, run

RESULTS = Path(__file__).parent / "results"


def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def rst_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'* -' if n == 0 else '  -'} {cell}" for n, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def plot(rows: list[tuple[str, float]], path: Path) -> None:
    """Horizontal bars on a logarithmic scale; left out where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(rows) + 1))
    labels, values = [label for label, _ in rows], [value for _, value in rows]
    ours = ["#2b59c3" if label.startswith("wsgi_auth") else "#9aa4b5" for label in labels]
    axes.barh(labels, values, color=ours)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("a signed-in request, in hand-written readers (F); less is better")
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)
    for number, value in enumerate(values):
        axes.text(value, number, f" {value:.2g}", va="center", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure everything in one run and write it down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer rounds; writes nothing")
    quick = parser.parse_args().quick
    suite = Suite()
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(servers.running("Redis", "PostgreSQL"))
        others = [*kept.cases(stack, urls), *peers.cases(stack, urls)]
        cases = suite.cases + [case for _, case in others]
        if suite.noop not in cases:
            cases.append(suite.noop)
        run(cases, rounds=9 if quick else 51, batch_seconds=0.004)

    rows: list[list[str]] = []
    for row in suite.rows:
        measured = ratio(row.case, row.unit)
        target = "" if row.target is None else f"{row.target:g}"
        verdict = "" if row.target is None else ("met" if measured <= row.target else "missed")
        rows.append([row.label, f"{measured:.2f}", row.unit_name, target, verdict])
    for label, measured in node.measure(suite.authjs, 3 if quick else 11):
        rows.append([label, f"{measured:.1f}", "J", "", ""])
    others_rows = [[label, f"{ratio(case, suite.floor):.1f}", "F"] for label, case in others]
    worst = [[label, f"{milliseconds:.1f} ms"] for label, milliseconds in hostile.measure()]
    begun = [list(line) for line in start.measure(3 if quick else 11)]
    served = [list(line) for line in server.measure(1 if quick else 9)]

    for line in rows + served + others_rows + worst + begun:
        print("  ".join([f"{line[0]:52}", *(f"{cell:>12}" for cell in line[1:])]))
    if quick:
        return
    versions = ", ".join(
        f"{name} {peers.installed(name)}"
        for name in ("repoze.who", "Beaker", "Flask", "Flask-Session", "pyramid", "Django")
        if peers.installed(name)
    )
    said = (
        f"Measured on {datetime.date.today():%d %B %Y} with CPython {platform.python_version()} on "
        f"{processor()}, {versions}. Ratios compare only within one run.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    text = "\n".join(
        [
            said,
            rst_table(("request", "ratio", "to", "target", ""), rows),
            "Under gunicorn, CPU time of the worker over the bare application:\n",
            rst_table(("request", "added", "target", ""), served),
            "Sessions in a store, and peers, a signed-in request:\n",
            rst_table(("peer", "ratio", "to"), others_rows),
            "60 kB of hostile input in a header:\n",
            rst_table(("what", "CPU time"), worst),
            "Cold start:\n",
            rst_table(("what", "over the bare application", "target", ""), begun),
        ]
    )
    (RESULTS / "table.rst").write_text(text, encoding="utf-8")
    signed = {row.label: row.case for row in suite.rows}
    bars: list[tuple[str, Case]] = [
        ("wsgi_auth, token seen before", signed["protected, session, token seen before"]),
        ("wsgi_auth", signed["protected, session, token not seen before"]),
        *others,
    ]
    drawn = [(label, ratio(case, suite.floor)) for label, case in bars]
    plot([*drawn[:2], ("hand-written reader (F)", 1.0), *drawn[2:]], RESULTS / "plot.png")


if __name__ == "__main__":
    main()
