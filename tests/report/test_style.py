import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

from reproduce.base.errors import ReproduceError
from reproduce.report.style import BLUE, new_figure, png_bytes, save_figure, show_figure, styled, text_color


@styled
def a_figure(height_inches: float = 2.0):
    figure, axes = new_figure(3.25, height_inches)
    axes.plot([0, 1], [1, 0], label="a line")
    axes.fill_between([0, 1], [0, 0], [1, 0], hatch="//")  # hatches and clip paths carry hashed ids in SVG
    axes.set_title("a title")
    return figure


def test_same_figure_gives_the_same_bytes_at_200_dpi_with_text_kept_as_text(tmp_path):
    first = [path.read_bytes() for path in save_figure(a_figure(), "f", tmp_path / "one")]
    second = [path.read_bytes() for path in save_figure(a_figure(), "f", tmp_path / "two")]
    assert first == second
    assert imread(tmp_path / "one" / "f.png").shape[:2] == (400, 650)
    assert b"a title</text>" in first[1]
    assert b"<dc:date>" not in first[1]


def test_the_last_bits_of_a_layout_leave_no_trace_in_the_svg(tmp_path):
    """The layout solver goes by hashes of objects, so its last bits differ from process to process."""

    def saved(shift):
        figure = a_figure()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        x, *rest = figure.axes[0].get_position().bounds
        figure.axes[0].set_position((x + shift, *rest))
        return save_figure(figure, "f", tmp_path)[1].read_bytes()

    assert saved(0) == saved(1e-14) != saved(1e-3)


def test_a_figure_of_lines_has_a_palette_of_its_own_colors_and_one_with_a_photograph_every_color():
    figure = a_figure()
    figure.axes[0].axhline(0.5, color=BLUE, linewidth=4)
    with Image.open(io.BytesIO(png_bytes(figure))) as lines:
        assert lines.mode == "P" and lines.size == (650, 400)
        drawn = np.asarray(lines.convert("RGB"))
    assert (drawn[0, 0] == 255).all() and (drawn < 64).all(axis=2).any()  # white paper, dark ink
    blue = 255 * np.array(to_rgb(BLUE))
    assert np.abs(drawn - blue).max(axis=2).min() <= 2
    figure, axes = new_figure(3.25, 2.0)
    axes.imshow(np.random.default_rng(1).random((40, 40, 3)), interpolation="nearest")
    with Image.open(io.BytesIO(png_bytes(figure))) as photograph:
        assert photograph.mode != "P"
        assert len(set(map(tuple, np.asarray(photograph.convert("RGB")).reshape(-1, 3)))) > 1000


def test_a_notebook_shows_the_bytes_that_are_saved(tmp_path):
    png, _ = save_figure(a_figure(), "f", tmp_path)
    assert show_figure(a_figure()).data == png.read_bytes()


def test_drawing_leaves_the_callers_settings_alone():
    before = dict(mpl.rcParams)
    a_figure()
    assert dict(mpl.rcParams) == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReproduceError, match=r"cannot write .*f\.png") as caught:
        save_figure(a_figure(), "f", tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_small_type_has_the_contrast_that_wcag_asks_for():
    def luminance(color):
        channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(color)]
        return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]

    for color in ("#de8f05", "#cc78bc", "#029e73", "#d55e00", "#0173b2"):
        assert 1.05 / (luminance(text_color(color)) + 0.05) > 4.5, color


def test_a_user_s_own_settings_change_no_byte_of_a_figure():
    """As a matplotlibrc in the home folder has them."""

    @styled
    def draw():
        figure = Figure(figsize=(2, 2))
        figure.add_subplot().plot([1, 2], [3, 4])
        return figure

    usual = png_bytes(draw())
    with mpl.rc_context({"lines.marker": "o", "figure.autolayout": True, "axes.titleweight": "bold"}):
        assert png_bytes(draw()) == usual
