"""Plots as SVG, without a library: bars, and lines over a logarithmic axis. Each returns (elements, height)."""
import math

COLOURS = ("#1a7f5a", "#b5532a", "#3a6ea5")


def bars(title, rows):
    """A bar per (name, value, words); the first one is ours."""
    most = max(value for _, value, _ in rows)
    out = ['<text x="0" y="16" font-weight="bold">%s</text>' % title]
    for i, (name, value, words) in enumerate(rows):
        y = 30 + 26 * i
        out.append('<text x="0" y="%d">%s</text>' % (y + 14, name))
        out.append('<rect x="190" y="%d" width="%.1f" height="18" fill="%s"/>' % (
            y, max(1, 380 * value / most), COLOURS[0] if i == 0 else "#9aa5b1"))
        out.append('<text x="%.1f" y="%d">%s</text>' % (196 + 380 * value / most, y + 14, words))
    return out, 30 + 26 * len(rows) + 24


def lines(title, series, logarithmic=True):
    """A line per (name, [(x, y), ...]); y begins at 0, and so does x unless it is logarithmic."""
    points = [p for _, ps in series for p in ps]

    def scale(x):
        return math.log10(x) if logarithmic else x

    left = scale(min(x for x, _ in points)) if logarithmic else 0
    right = scale(max(x for x, _ in points))
    most = max(y for _, y in points) * 1.15

    def at(x, y):
        return 60 + 600 * (scale(x) - left) / max(right - left, 1e-9), 230 - 190 * y / most

    if logarithmic:
        ticks = [10 ** e for e in range(math.ceil(left), math.floor(right) + 1)]
    else:
        ticks = [round(right * i / 4) for i in range(5)]
    out = ['<text x="0" y="16" font-weight="bold">%s</text>' % title,
           '<path d="M60 40V230H660" stroke="#666" fill="none"/>',
           '<text x="52" y="234" text-anchor="end">0</text>',
           '<text x="52" y="46" text-anchor="end">%.2g</text>' % most]
    for x in ticks:
        out.append('<text x="%.0f" y="248" text-anchor="middle">%s</text>' % (at(x, 0)[0], format(x, ",")))
    for i, (name, ps) in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        out.append('<polyline points="%s" stroke="%s" stroke-width="2" fill="none"/>' % (
            " ".join("%.1f,%.1f" % at(x, y) for x, y in ps), colour))
        if len(ps) < 20:
            out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (at(x, y) + (colour,)) for x, y in ps]
        out.append('<text x="%d" y="270" fill="%s">%s</text>' % (60 + 210 * i, colour, name))
    return out, 300


def svg(groups):
    """The whole picture of (elements, height) pairs, one below the other."""
    body, y = [], 10
    for elements, height in groups:
        body.append('<g transform="translate(10 %d)">%s</g>' % (y, "".join(elements)))
        y += height
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" font-family="sans-serif" font-size="13">'
            '<rect width="100%%" height="100%%" fill="white"/>%s</svg>\n' % (y, "".join(body)))
