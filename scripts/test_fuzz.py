# SPDX-License-Identifier: GPL-2.0-or-later
# Whether every fuzzer says what it is for, and has a bug that it must find; what they find is what `make fuzz` and `make test-mutants` show.

import importlib.machinery
import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


FUZZERS = load("fuzz").Fuzzer.all()


def test_there_are_fuzzers():
    assert len(FUZZERS) >= 17


@pytest.mark.parametrize("fuzzer", FUZZERS, ids=lambda fuzzer: fuzzer.name)
def test_says_what_it_fuzzes(fuzzer):
    assert fuzzer.subjects and all((ROOT / subject).is_file() for subject in fuzzer.subjects)


@pytest.mark.parametrize("fuzzer", FUZZERS, ids=lambda fuzzer: fuzzer.name)
def test_has_a_bug_to_find(fuzzer):
    patch = (ROOT / "mutants" / f"fuzz-{fuzzer.name}.patch").read_text()
    assert f"\nFuzzer: {fuzzer.name}\n" in patch


def test_an_unknown_fuzzer_is_named():
    run = subprocess.run([ROOT / "scripts/fuzz", "nonsense"], stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 2 and "no fuzzer nonsense" in run.stderr
