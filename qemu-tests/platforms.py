# SPDX-License-Identifier: GPL-2.0-or-later
# Which machines of machine/architecture.py a test goes through.

from typing import Callable

import pytest
from _pytest.mark import ParameterSet

from machine.architecture import PLATFORMS, PlatformParts

# The others need `make guests` before.
_ALWAYS = ("x86_64",)


def platforms_where(wanted: Callable[[PlatformParts], bool]) -> list[ParameterSet]:
    """The names, for parametrize: all but those of the default run are slow."""
    names = [name for name, parts in PLATFORMS.items() if wanted(parts)]
    return [pytest.param(name, marks=[] if name in _ALWAYS else [pytest.mark.slow]) for name in names]


ALL_PLATFORMS = platforms_where(lambda parts: True)
