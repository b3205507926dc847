# SPDX-License-Identifier: GPL-2.0-or-later
# Whether the tests that docs/safety.md calls proofs exist.

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/safety.md").read_text()


def unit_tests() -> set[str]:
    sources = [path for folder in ("common", "capture", "loader", "recover", "cli") for path in (ROOT / folder).rglob("*_test.cc")]
    return {f"{suite}.{name}" for path in sources for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", path.read_text(), re.MULTILINE)}


def test_unit_tests_exist():
    named = set(re.findall(r"`([A-Z]\w+\.[A-Z]\w+)`", PAGE))
    assert len(named) > 50
    assert named - unit_tests() == set()


def test_machine_tests_exist():
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE))
    assert len(named) > 5
    for file, test in named:
        assert re.search(rf"^def {test}\(", (ROOT / "qemu-tests" / file).read_text(), re.MULTILINE), f"{file}::{test}"


def test_every_line_has_a_proof_or_says_that_it_has_none():
    proofs = PAGE.split("## Hostile bytes")[0]
    for line in proofs.splitlines():
        if line.startswith("| ") and not line.startswith(("| what |", "| --- |")):
            cells = line.strip("| ").split(" | ")
            assert len(cells) == 3, line
            assert "`" in cells[2] or "*open*" in cells[2], line


def test_every_fuzzer_is_named():
    fuzzers = {path.name.removesuffix("_fuzzer.cc") for folder in ("common", "capture", "recover") for path in (ROOT / folder).rglob("*_fuzzer.cc")}
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## Hostile bytes")[1], re.MULTILINE))
    assert named == fuzzers
