"""The report: writes results as tables and plots to docs/performance.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # works without a screen

from matplotlib import pyplot

from model.commands.bench import table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"


def tables(result: Any) -> str:
    """A part's result in Markdown: rows as a table, single figures as one row, the rest under its name."""
    if isinstance(result, list):
        return table(result)
    named = {name: value for name, value in result.items() if isinstance(value, list | dict)}
    figures = {name: value for name, value in result.items() if name not in named}
    parts = [table([figures])] if figures else []
    parts += [f"{name.replace('_', ' ')}:\n\n{tables(value)}" for name, value in named.items()]
    return "\n\n".join(parts)


def write(results: dict[str, Any]) -> None:
    """Write each part's tables between its marks in the page, and draw the plots."""
    page = PAGE.read_text(encoding="utf-8")
    for name, result in results.items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, result=result: f"{match[1]}\n{tables(result)}\n\n{match[2]}",
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page, encoding="utf-8")
    if "networks" in results:
        _draw_ratios(results["networks"]["rows"])
    if "clients" in results:
        _draw_clients(results["clients"])


def _draw_ratios(rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if row["objects"] == 10]
    figure, axes = pyplot.subplots(figsize=(8, 3.6), layout="constrained")
    names = [f"{row['way']}, {row['engine']} {row['precision']}" for row in rows]
    bars = axes.barh(names[::-1], [row["ratio"] for row in rows][::-1], color="#1f77b4")
    axes.bar_label(bars, fmt="%.1f ×", padding=3)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("times faster than Matterport's way (10 objects)")
    axes.margins(x=0.12)
    figure.savefig(DOCS / "performance-networks.png", dpi=110)
    pyplot.close(figure)


def _draw_clients(ways: dict[str, list[dict[str, Any]]]) -> None:
    figure, (rate, wait) = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for name, rows in ways.items():
        count = [row["clients"] for row in rows]
        rate.plot(count, [row["answers_a_second"] for row in rows], marker="o", label=name)
        wait.plot(count, [row["p95_ms"] for row in rows], marker="o", label=name)
    for axes, label in ((rate, "answers a second"), (wait, "95th percentile, ms")):
        axes.set_xlabel("clients")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend()
    figure.savefig(DOCS / "performance-clients.png", dpi=110)
    pyplot.close(figure)
