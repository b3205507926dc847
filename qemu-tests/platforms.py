# SPDX-License-Identifier: GPL-2.0-or-later
# Which machines of machine/architecture.py, and which test vmcores of machine/vmcores.py, a test goes through.

from typing import Callable, Container, Iterable

import pytest
from _pytest.mark import ParameterSet

from machine.architecture import PLATFORMS, PlatformParts
from machine.vmcores import RECIPES

# The others need `make guests` before.
_ALWAYS = ("x86_64",)
# The kernel that makedumpfile knows, and the newest. Each set takes minutes where none is cached, those of other architectures a toolchain too.
_VMCORES_ALWAYS = ("bookworm", "trixie-backports")


def slow_except(values: Iterable[object], always: Container[object]) -> list[ParameterSet]:
    """For parametrize: all but those of the default run are slow."""
    return [pytest.param(value, marks=[] if value in always else [pytest.mark.slow]) for value in values]


def platforms_where(wanted: Callable[[PlatformParts], bool]) -> list[ParameterSet]:
    """The names, for parametrize."""
    return slow_except((name for name, parts in PLATFORMS.items() if wanted(parts)), _ALWAYS)


ALL_PLATFORMS = platforms_where(lambda parts: True)
ALL_VMCORE_SETS = slow_except(RECIPES, _VMCORES_ALWAYS)
