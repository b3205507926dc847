# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark says can be relied on: costs of known commands, ratios round by round."""

import pathlib
import sys
import xml.etree.ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from measure import CommandFailed, Cost, run_once  # noqa: E402
from report import plot, table  # noqa: E402

MIB = 1 << 20


def test_costs_are_those_of_the_command(tmp_path: pathlib.Path) -> None:
    output = tmp_path / "output"
    ballast = bytearray(64 * MIB)  # of this process, which the command does not have
    small = run_once(["dd", "if=/dev/zero", f"of={output}", "bs=64K", "count=16"], output)
    assert small.size == MIB == output.stat().st_size
    assert 0 < small.peak < 32 * MIB < len(ballast)
    assert 0 < small.cpu and 0 < small.wall
    large = run_once([sys.executable, "-c", "bytearray(b'x') * (100 << 20)"])
    assert 100 * MIB < large.peak < 200 * MIB and large.size == 0
    # A child's processor time counts, as a thread's does.
    busy = run_once(["sh", "-c", "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done'"])
    assert busy.cpu > 5 * small.cpu


def test_failure_is_told_in_the_commands_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CommandFailed, match="^the reason$"):
        run_once(["sh", "-c", "echo first >&2; printf 'progress\\rthe reason\\n' >&2; exit 3"], tmp_path / "none")


def test_ratios_are_medians_of_the_rounds() -> None:
    results = {
        "mine": [Cost(1, 1, MIB, 100), Cost(2, 1, MIB, 100), Cost(30, 1, MIB, 100)],
        "its": [Cost(2, 4, 2 * MIB, 400), Cost(5, 4, 2 * MIB, 400), Cost(10, 4, 2 * MIB, 400)],
        "reads": [Cost(1, 1, MIB, 0)] * 3,
    }
    _, _, mine, its, reads = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table(results).splitlines())
    assert mine == ["mine", "2.000", "1.000", "1.0", "100", "", "", "", ""]
    # 1/2, 2/5 and 30/10: that of the medians would be 0.4.
    assert its == ["its", "5.000", "4.000", "2.0", "400", "0.50", "0.25", "0.50", "0.25"]
    assert reads == ["reads", "1.000", "1.000", "1.0", "", "", "", "", ""]
    svg = xml.etree.ElementTree.fromstring(plot(results, "a < b"))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in texts and "mine" in texts and "its" in texts and "reads" not in texts
