# SPDX-License-Identifier: GPL-2.0-or-later
# A pytest plugin: counts the tests marked as `fault(kind)`, each of which puts one fault into the life of a machine, and what harm the
# checks have found.

from collections import Counter
from typing import Any, Iterator

import pytest

from harm import Harm


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(kind): puts one fault into the life of a machine; counted by its kind")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    marker = item.get_closest_marker("fault")
    # A run counts when it is over, or if it cannot begin.
    if marker is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return
    report = outcome.get_result()
    report.fault = marker.args[0]
    error = call.excinfo.value if call.excinfo else None
    report.harm = type(error) if isinstance(error, Harm) else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    stats = terminalreporter.stats
    runs = [report for group in ("passed", "failed", "error") for report in stats.get(group, ()) if hasattr(report, "fault")]
    if not runs:
        return
    terminalreporter.section("faults in machines")
    for kind, count in Counter(report.fault for report in runs).items():
        terminalreporter.write_line(f"{count:6} {kind}")
    harms = Counter(report.harm for report in runs if report.failed)
    found = ", ".join(f"{harm.name}: {harms[harm]}" for harm in Harm.__subclasses__())
    terminalreporter.write_line(f"{len(runs):6} faults injected; {found}; failed otherwise: {harms[None]}")
