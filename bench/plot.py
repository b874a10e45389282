"""The picture of the page, as SVG; pure."""

from collections.abc import Mapping
from html import escape
from math import log10

from bench.goals import shown
from bench.report import TITLES

Systems = Mapping[str, Mapping[str, float | None]]
PANELS = (
    ("submit_ms_p50", "submit → successful, p50 (ms)", "less is better"),
    ("burst_steady_per_s", "burst after its first wave (jobs/s)", "more is better"),
    ("cpu_s_per_job", "CPU per job, whole stack (s)", "less is better"),
)
NAMES = ("ours", "stock-default", "stock-tuned", "pygeoapi-prefect-0.9.1")
WIDTH, LABEL, BAR, STEP, HEAD = 760, 190, 18, 28, 46
SPAN = WIDTH - LABEL - 90
INK, MUTED, OURS, OTHERS = "#1f2933", "#62707d", "#0b7a75", "#b6c2cc"
STYLE = f"text{{font-family:system-ui,sans-serif;font-size:13px;fill:{INK}}}.m{{fill:{MUTED}}}"


def draw(systems: Systems) -> str:
    """Bars on a logarithmic scale, one panel for each metric."""
    parts, top = [], 12
    for key, title, sense in PANELS:
        values = {n: systems[n].get(key) for n in NAMES if n in systems}
        known = {name: value for name, value in values.items() if value}
        parts.append(_panel(f"{title}", f"{sense}; logarithmic scale", known, top))
        top += HEAD + STEP * len(known) + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img"'
        f' aria-label="Comparison of this stack with its peers"><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def bar_lengths(values: Mapping[str, float], span: float) -> dict[str, float]:
    """Lengths on a logarithmic axis that begins a decade's half below the smallest value."""
    if not values:
        return {}
    low = log10(min(values.values())) - 0.5
    high = log10(max(values.values()))
    return {name: span * (log10(value) - low) / (high - low) for name, value in values.items()}


def _panel(title: str, sense: str, values: Mapping[str, float], top: float) -> str:
    lengths = bar_lengths(values, SPAN)
    parts = [
        f'<text x="16" y="{top + 18}" font-weight="600">{escape(title)}</text>',
        f'<text class="m" x="{WIDTH - 16}" y="{top + 18}" text-anchor="end">{sense}</text>',
    ]
    for number, (name, value) in enumerate(values.items()):
        y = top + HEAD - 14 + number * STEP
        middle = y + BAR - 5
        colour = OURS if name == "ours" else OTHERS
        parts += [
            f'<text x="{LABEL - 10}" y="{middle}" text-anchor="end">{escape(TITLES[name])}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{lengths[name]:.1f}" height="{BAR}"'
            f' rx="2" fill="{colour}"/>',
            f'<text x="{LABEL + lengths[name] + 8:.1f}" y="{middle}">{shown(value)}</text>',
        ]
    return "".join(parts)
