# SPDX-License-Identifier: GPL-2.0-or-later
# Whether every mutant still is a change of the sources; whether the tests kill it is what `make test-mutants` shows.

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = sorted((ROOT / "mutants").glob("*.patch"))


def test_there_are_enough():
    assert len(MUTANTS) >= 12


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda path: path.stem)
def test_applies(mutant):
    with mutant.open() as stream:
        run = subprocess.run(["patch", "-p1", "--dry-run", "--force", "--fuzz=0"], cwd=ROOT, stdin=stream, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert mutant.read_text().split("\n", 1)[0].endswith("."), "the first line says what is wrong"
