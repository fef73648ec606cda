"""The colours of the figures, on light and dark pages."""

# Okabe and Ito's colours, told apart by most colour-blind readers; each series has a marker of its own as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DARK_COLOURS = ("#4aa8e8", "#ff8a3d", "#2fc79a", "#e39cc3", "#f0b32e", "#8fd0f5")  # those of the page's dark scheme
PAPER, DARK_PAPER, DARK_INK = "#ffffff", "#14171a", "#ececec"
INK = "#1a1a1a"  # of text and axes; the page puts its own ink in its place


def darken(svg: str) -> str:
    """Returns a figure in the colours of a dark page."""
    svg = svg.replace(INK, DARK_INK)
    for light, dark in zip(COLOURS, DARK_COLOURS, strict=True):
        svg = svg.replace(light.lower(), dark)
    return svg


def put_on(svg: str, paper: str) -> str:
    """Returns a figure with a ground of its own, so that it can be read on any page."""
    end = svg.index(">", svg.index("<svg")) + 1
    return f'{svg[:end]}<rect width="100%" height="100%" fill="{paper}"/>{svg[end:]}'
