"""A plain line chart as SVG: measured points, a line through them, the line of straight growth beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN, GAP = 290, 200, 20, 36
INK, SOFT, LINE, GUIDE = "#57606a", "#8b949e", "#0969da", "#b0b8c0"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: points by place, which has a name below it, and a guide that they ought to follow."""

    title: str
    unit: str
    names: Sequence[str]
    places: Sequence[float]
    points: Sequence[float]
    guide: Sequence[float]


def draw(label: str, panels: Sequence[Panel], columns: int = 3) -> str:
    """The panels in rows of `columns`."""
    across = min(columns, len(panels))
    down = -(-len(panels) // columns)
    width, height = across * (WIDTH + GAP), down * (HEIGHT + GAP)
    drawn = "\n".join(
        f'<g transform="translate({number % columns * (WIDTH + GAP)},{number // columns * (HEIGHT + GAP)})">\n'
        f"{_panel(panel)}\n</g>"
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<g font-family="system-ui, sans-serif" font-size="12" fill="{INK}">\n{drawn}\n</g>\n</svg>\n'
    )


def _panel(panel: Panel) -> str:
    top = max(*panel.points, *panel.guide) * 1.12
    bottom, left, right = HEIGHT - 6, MARGIN, WIDTH
    step = (right - left - 50) / (panel.places[-1] - panel.places[0])
    xs = [left + 20 + step * (place - panel.places[0]) for place in panel.places]

    def line(values: Sequence[float]) -> str:
        return " ".join(f"{x:.1f},{_y(value, top):.1f}" for x, value in zip(xs, values, strict=True))

    parts = [
        f'<text x="{left}" y="22" font-weight="600" font-size="13">{escape(panel.title)}</text>',
        f'<path d="M{left} 36 V{bottom} H{right}" fill="none" stroke="{SOFT}"/>',
        f'<polyline points="{line(panel.guide)}" fill="none" stroke="{GUIDE}" stroke-dasharray="5 4"/>',
        f'<polyline points="{line(panel.points)}" fill="none" stroke="{LINE}" stroke-width="2"/>',
    ]
    for x, value, name in zip(xs, panel.points, panel.names, strict=True):
        y = _y(value, top)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{LINE}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{_short(value)} {panel.unit}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle" fill="{SOFT}">{escape(name)}</text>')
    return "\n".join(parts)


def _y(value: float, top: float) -> float:
    return HEIGHT - 6 - value / top * (HEIGHT - 50)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 50 else f"{value:.1f}"
