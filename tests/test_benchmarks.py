"""The benchmarks run to their end; what they measure is for people to look at, never for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import Suite

ROOT = Path(__file__).parents[1]


@pytest.mark.soak
def test_the_benchmarks_run_to_their_end_and_say_a_verdict_for_every_target():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    for row in Suite().rows:
        (line,) = (each for each in ran.stdout.splitlines() if each.startswith(f"{row.label}  "))
        assert line.rstrip().endswith(("met", "missed")) == (row.target is not None)
    added = [each for each in ran.stdout.splitlines() if each.startswith("gunicorn, ")]
    assert sum(line.rstrip().endswith(("met", "missed")) for line in added) == 3
