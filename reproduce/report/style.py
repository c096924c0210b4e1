"""Styles of figures and printed tables, and writing them so that the same input gives the same bytes."""

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image, Markdown
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from PIL import Image as Pixels

from reproduce.base.files import atomic_path, write_bytes
from reproduce.base.paths import RESULTS
from reproduce.base.text import frame_as_markdown

P = ParamSpec("P")

WIDE_INCHES = 6.75  # the full text width
PNG_DPI = 200
_TIED_PERCENT = "\N{NO-BREAK SPACE}%"
FIGURES = RESULTS / "figures"

PALETTE = tuple(sns.color_palette("colorblind").as_hex())
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, PINK, GRAY, YELLOW, SKY = PALETTE
INK = "#262626"
MUTED = "#6b6b6b"
RULE = "#e6e6e6"
SMALL_PT, BODY_PT, HEADLINE_PT = 7.5, 8.5, 9.0
_MARGIN_PT = 6

_STABLE = {
    "svg.hashsalt": "alexnet-2012",  # element ids else differ from run to run
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # journals refuse type 3 fonts
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the PNG does not depend on the machine's fonts
}
_LOOK = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": BODY_PT,
    "axes.titleweight": "bold",
    "axes.labelsize": BODY_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "font.size": BODY_PT,
    "savefig.dpi": PNG_DPI,
}


@functools.cache
def style_parameters() -> dict[str, Any]:
    """Return the matplotlib parameters of every figure: seaborn's paper context and ticks style with ours on top.

    All others are matplotlib's own, whatever the user's matplotlibrc says.
    """
    own = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    return {**own, **sns.plotting_context("paper"), **sns.axes_style("ticks"), **_LOOK, **_STABLE}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function under the project's style, leaving the caller's matplotlib settings as they were."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(style_parameters()):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width_inches: float, height_inches: float, **subplots: Any) -> tuple[Figure, Any]:
    """Return a figure outside pyplot's global list, and its axes as ``Figure.subplots(**subplots)`` gives them."""
    figure = Figure(figsize=(width_inches, height_inches), dpi=PNG_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(**subplots)


def label_point(
    axes: Axes, x: float, y: float, text: str, offset_pt: tuple[float, float] = (4, 0), **text_style: Any
) -> None:
    """Write ``text`` beside the data point (x, y), ``offset_pt`` points away; it is never clipped by the axes."""
    horizontal = "left" if offset_pt[0] > 0 else "right" if offset_pt[0] < 0 else "center"
    vertical = "center" if offset_pt[1] == 0 else "bottom" if offset_pt[1] > 0 else "top"
    look = {"fontsize": SMALL_PT, "ha": horizontal, "va": vertical, "linespacing": 1.15} | text_style
    axes.annotate(text, (x, y), xytext=offset_pt, textcoords="offset points", annotation_clip=False, **look)


def headline(figure: Figure, sentence: str) -> None:
    """Write a sentence above a figure, from its left edge, wrapped to its width."""
    look = {"fontsize": HEADLINE_PT, "fontweight": "bold", "linespacing": 1.2}
    figure.suptitle(_wrapped(figure, sentence), x=4 / (72 * figure.get_figwidth()), ha="left", **look)


def headline_with_key(figure: Figure, sentence: str, handles: Sequence[Artist], ncols: int = 6, **look: Any) -> None:
    """Write a sentence above a figure and the key below the sentence, as one block: the layout makes room for both.

    The key has ``ncols`` columns, or as many as fit the figure's width.
    """
    look |= {"loc": "outside upper left", "alignment": "left"}
    room = figure.bbox.width - 2 * _MARGIN_PT * figure.dpi / 72
    for columns in range(ncols, 0, -1):
        key = figure.legend(handles=handles, ncols=columns, **look)
        if columns == 1 or key.get_window_extent(figure.canvas.get_renderer()).width <= room:
            break
        key.remove()
    key.set_title(_wrapped(figure, sentence), prop={"size": HEADLINE_PT, "weight": "bold"})
    key.get_title().set_linespacing(1.2)


def _wrapped(figure: Figure, sentence: str) -> str:
    width_pt, lines = 72 * figure.get_figwidth() - 2 * _MARGIN_PT, [""]
    for word in sentence.replace(" %", _TIED_PERCENT).split(" "):  # a number and its percent sign stay on one line
        word = word.replace(_TIED_PERCENT, " %")
        longer = f"{lines[-1]} {word}".strip()
        if text_width_pt(longer, HEADLINE_PT, weight="bold") <= width_pt:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def text_width_pt(text: str, size_pt: float = SMALL_PT, **font: Any) -> float:
    """Return how wide a line of text is drawn, in points."""
    family = FontProperties(family=_STABLE["font.family"], **font)
    return float(TextPath((0, 0), text, size=size_pt, prop=family).get_extents().width)


def note(words: str) -> Figure:
    """Return a figure that shows only these words."""
    figure, axes = new_figure(WIDE_INCHES, 1)
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", color=MUTED, fontstyle="italic")
    return figure


def not_run() -> Figure:
    """Return a figure that only says that nothing was run yet."""
    return note("not run yet")


def write_beside(axes: Axes, side: float, y: float, text: str, offset_pt: float, **look: object) -> None:
    """Write left-aligned ``text`` ``offset_pt`` points from the axes' left (0) or right (1) side."""
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
    style = {"ha": "left", "va": "center", "fontsize": SMALL_PT, "linespacing": 1.2} | look
    axes.annotate(text, (side, y), xytext=(offset_pt, 0), **place, **style)


def say_not_run(figure: Figure) -> None:
    """Write in the middle of an empty figure that nothing was run yet."""
    figure.text(0.5, 0.6, "not run yet", ha="center", va="center", color=MUTED, fontstyle="italic")


def text_color(color: str) -> str:
    """Return a mark's color darkened until small type in it reads well on white."""
    return to_hex(0.6 * np.array(to_rgb(color)) + 0.4 * 0.6 * np.array(to_rgb(INK)))


def png_bytes(figure: Figure) -> bytes:
    """Return the figure as PNG at 200 dpi, without the library's version in it.

    A figure of lines and letters is written with a palette of 256 colors, which makes the file a third as large. A
    figure with photographs or filters keeps every color.
    """
    stream = io.BytesIO()
    with mpl.rc_context(style_parameters()):
        figure.savefig(stream, format="png", dpi=PNG_DPI, metadata={"Software": None})
    if any(axes.images for axes in figure.axes):
        return stream.getvalue()
    small = io.BytesIO()
    with Pixels.open(stream) as drawn:
        palette = drawn.convert("RGB").quantize(256, dither=Pixels.Dither.NONE)
    palette.save(small, "PNG", optimize=True, dpi=(PNG_DPI, PNG_DPI))
    return small.getvalue()


def save_figure(figure: Figure, stem: str, folder: Path = FIGURES) -> list[Path]:
    """Write ``<stem>.png`` (200 dpi) and ``<stem>.svg``; equal figures give equal bytes.

    Returns:
        the two paths, PNG first.

    Raises:
        ReproduceError: the folder cannot be written.
    """
    png, svg = folder / f"{stem}.png", folder / f"{stem}.svg"
    write_bytes(png, png_bytes(figure))
    save_svg(figure, svg)
    return [png, svg]


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure as SVG; equal figures give equal bytes.

    Raises:
        ReproduceError: the folder cannot be written.
    """
    _round_places(figure)
    with mpl.rc_context(style_parameters()), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def _round_places(figure: Figure) -> None:
    """Fix the axes where the layout put them, to nine decimals of the figure's size.

    The layout solver's last bits differ from process to process, and the SVG's element ids are hashes of positions.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, 9))


def show_figure(figure: Figure) -> Image:
    """Return the figure for a notebook, as the same PNG that ``save_figure`` writes, at its printed width."""
    width_pixels = round(figure.get_figwidth() * 100)
    return Image(data=png_bytes(figure), format="png", width=width_pixels, alt=figure_words(figure))


def figure_words(figure: Figure) -> str:
    """Return a figure's titles and the names of its axes, each once, for those who cannot see it."""
    axes = figure.axes
    titles = [figure.get_suptitle(), *(each.get_title(loc=place) for each in axes for place in ("left", "center"))]
    across = [figure.get_supxlabel(), *(each.get_xlabel() for each in axes)]
    up = [figure.get_supylabel(), *(each.get_ylabel() for each in axes)]
    named = {"Chart": titles, "Horizontal axis": across, "Vertical axis": up}
    return " ".join(f"{name}: {words.rstrip('.')}." for name, texts in named.items() if (words := _each_once(texts)))


def _each_once(texts: list[str]) -> str:
    return "; ".join(dict.fromkeys(" ".join(text.split()) for text in texts if text.strip()))


def show_table(table: pd.DataFrame, decimals: dict[str, int] | None = None) -> Markdown:
    """Return ``frame_as_markdown`` for a notebook."""
    return Markdown(frame_as_markdown(table, decimals))
