# SPDX-License-Identifier: GPL-2.0-or-later
# What no fault may ever do. A check of one of these raises its own kind, so that they can be counted.


class Harm(AssertionError):
    """Base of the three."""

    name = ""


class Lost(Harm):
    """What was reported safe, or had been published or recorded, is not there."""

    name = "lost"


class WrongBytes(Harm):
    """Something was published that the machine's memory or its messages were not."""

    name = "wrong bytes published"


class OutsideTarget(Harm):
    """Something was written to a place that was not given for it."""

    name = "bytes outside the target"


def require(holds: bool, harm: type[Harm], what: str) -> None:
    if not holds:
        raise harm(what)
