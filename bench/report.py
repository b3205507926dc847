# SPDX-License-Identifier: GPL-2.0-or-later
# The results as a table and as a plot of time against size.

from statistics import median
from typing import Callable, Sequence
from xml.sax.saxutils import escape

from measure import Cost

# By name, in the order of the table; the first is what the others are compared with. Costs of one index were measured in the same round.
Results = dict[str, list[Cost]]

_MIB = 1 << 20


def _paired_ratio(first: Sequence[Cost], other: Sequence[Cost], value: Callable[[Cost], float]) -> str:
    """The median over the rounds of what the first needed, divided by what the other did, which writes something too."""
    if first is other or other[0].size == 0:
        return ""
    return f"{median(value(mine) / value(its) for mine, its in zip(first, other)):.2f}"


def table(results: Results) -> str:
    names = list(results)
    first = results[names[0]]
    header = ("what", "wall s", "CPU s", "peak MiB", "bytes", "wall ratio", "CPU ratio", "peak ratio", "bytes ratio")
    rows = [header, tuple("---" if column == 0 else "--:" for column in range(len(header)))]
    for name, costs in results.items():
        size = median(cost.size for cost in costs)
        row = [name, f"{median(cost.wall for cost in costs):.3f}", f"{median(cost.cpu for cost in costs):.3f}"]
        row += [f"{median(cost.peak for cost in costs) / _MIB:.1f}", f"{size:,.0f}" if size else ""]
        for value in (lambda cost: cost.wall, lambda cost: cost.cpu, lambda cost: cost.peak, lambda cost: cost.size):
            row.append(_paired_ratio(first, costs, value))
        rows.append(tuple(row))
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("| " + " | ".join(cells) + " |\n")
    return "".join(lines)


_WIDTH, _HEIGHT = 960, 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 310, 50, 60
_COLOURS = ("#d62728", "#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#ff7f0e")


def plot(results: Results, title: str) -> str:
    """SVG: a ring for each median, a dot for each run; what writes nothing is left out."""
    shown = {name: costs for name, costs in results.items() if costs[0].size}
    x_step, x_end = _scale(max(cost.wall for costs in shown.values() for cost in costs))
    y_step, y_end = _scale(max(cost.size for costs in shown.values() for cost in costs) / _MIB)

    def x_of(seconds: float) -> float:
        return _LEFT + seconds / x_end * (_WIDTH - _LEFT - _RIGHT)

    def y_of(mib: float) -> float:
        return _HEIGHT - _BOTTOM - mib / y_end * (_HEIGHT - _TOP - _BOTTOM)

    def text(x: float, y: float, content: str, anchor: str = "middle", extra: str = "") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(content)}</text>\n'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="13">\n']
    parts.append(f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n')
    parts.append(text(_LEFT, 28, title, "start", ' font-size="16"'))
    for index in range(round(x_end / x_step) + 1):
        x = x_of(index * x_step)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#ddd"/>\n')
        parts.append(text(x, _HEIGHT - _BOTTOM + 18, f"{index * x_step:g}"))
    for index in range(round(y_end / y_step) + 1):
        y = y_of(index * y_step)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>\n')
        parts.append(text(_LEFT - 8, y + 4, f"{index * y_step:g}", "end"))
    parts.append(text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 18, "wall time, s"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(text(20, middle, "size, MiB", extra=f' transform="rotate(-90 20 {middle:.1f})"'))
    for index, (name, costs) in enumerate(shown.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        for cost in costs:
            parts.append(f'<circle cx="{x_of(cost.wall):.1f}" cy="{y_of(cost.size / _MIB):.1f}" r="2" fill="{colour}" opacity="0.5"/>\n')
        x = x_of(median(cost.wall for cost in costs))
        y = y_of(median(cost.size for cost in costs) / _MIB)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="{colour}" stroke-width="2.5"/>\n')
        legend_y = _TOP + 10 + 24 * index
        parts.append(f'<circle cx="{_WIDTH - _RIGHT + 20}" cy="{legend_y}" r="6" fill="none" stroke="{colour}" stroke-width="2.5"/>\n')
        parts.append(text(_WIDTH - _RIGHT + 34, legend_y + 4, name, "start"))
    return "".join(parts) + "</svg>\n"


def _scale(largest: float) -> tuple[float, float]:
    """A step of 1, 2 or 5 times a power of ten, and the end of an axis of at most ten steps."""
    step = 10.0 ** -9
    factors = (2, 2.5, 2)
    turn = 0
    while largest > 10 * step:
        step *= factors[turn % 3]
        turn += 1
    steps = max(1, -(-largest // step))
    return step, steps * step
