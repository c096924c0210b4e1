"""The site's parts by themselves; ``test_site_in_browser`` builds all of it and opens it."""

import base64
from types import SimpleNamespace

import nbformat
import pytest
from collect_support import claim, difference_claim
from report_support import make_records, words

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.judge.rules import VERDICTS
from reproduce.report import records
from reproduce.report.figures.claim_interval import claim_interval, interval_words
from reproduce.report.site import make_site, pages, verdict_page
from reproduce.report.site.claim_pages import check_sources, write_claims
from reproduce.report.site.looks import SHAPES, verdict_badge
from reproduce.report.site.make_site import run_sphinx
from reproduce.report.site.notebook_pages import write_notebook
from reproduce.report.site.notes import load_notes
from reproduce.report.site.templates import as_markdown, as_sentence
from reproduce.report.style import figure_words, new_figure
from reproduce.study.claims import load_claims

PIXEL = base64.b64encode(b"no real picture").decode()


def measured(**changes):
    facts = {"estimate": 25.67, "low": 25.4, "high": 25.93, "unit": "percent", "verdict": "reproduced"}
    facts |= {"target_value": 26.0, "target_kind": "published", "negligible_within": None, "source_check": None}
    facts |= {"few_seeds": None, "confidence_percent": 95.0}
    return SimpleNamespace(**facts | {"kind": "single_value"} | changes)


def test_plain_text_stays_what_it_is_and_code_stays_code():
    assert as_markdown("256*6*6 = 9126 [no link] `a*b`") == r"256\*6\*6 = 9126 \[no link\] `a*b`"
    assert as_sentence("the time was\n taken.") == "The time was taken."
    assert as_sentence("26 % of it") == "26\N{NO-BREAK SPACE}% of it."


def test_every_verdict_has_a_shape_of_its_own_and_says_its_word():
    assert set(SHAPES) == set(VERDICTS)
    assert len(set(SHAPES.values())) == len(SHAPES)
    bounded = measured(verdict="no effect", negligible_within=0.5, unit="percentage_points")
    assert "no effect within 0.5 points" in verdict_badge(bounded)
    assert "source check: rough" in verdict_badge(measured(verdict="source check", source_check="rough"))


def test_every_source_of_a_claim_belongs_to_one_of_six_kinds():
    kinds = {verdict_page.source_group(each.source) for each in load_claims()}
    assert kinds == {
        "the paper",
        "cuda-convnet",
        "the authors' run notes",
        "popular account",
        "earlier work",
        "later work",
    }
    assert verdict_page.source_group("a blog") == "a blog"


def test_values_are_shown_with_unit_and_interval_and_arithmetic_exactly():
    assert verdict_page.ours_words(measured()) == "25.67 % (25.40 to 25.93)"
    assert verdict_page.ours_words(measured(estimate=60965224.0, unit="count", kind="arithmetic")) == "60,965,224"
    assert verdict_page.ours_words(measured(estimate=None)) == ""
    assert verdict_page.published_words(measured(target_value=1.0, unit="percentage_points")) == "1 point"


def test_the_figure_shows_interval_target_and_margin():
    figure = claim_interval(claim(margin=1.0, margin_why="x"), measured())
    (axes,) = figure.axes
    band = axes.patches[0]
    assert (band.get_x(), band.get_width()) == (25.0, 2.0)
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[26.0, 26.0], [25.4, 25.93]]
    assert axes.get_xlim()[0] < 25.0
    assert axes.get_xlim()[1] > 27.0
    assert "published 26" in words(figure)
    assert "25.67 (25.40 to 25.93)" in words(figure)


def test_an_effect_is_drawn_against_zero_and_its_words_say_so():
    effect = difference_claim(margin=None, margin_why=None, targets=[])
    row = measured(estimate=1.32, low=0.79, high=1.86, unit="percentage_points", target_value=None, target_kind=None)
    assert "no effect" in words(claim_interval(effect, row))
    assert interval_words(effect, row) == "Ours is 1.32 points (0.79 to 1.86). No effect would be 0."


def test_the_words_of_a_figure_are_its_titles_and_axes():
    figure, axes = new_figure(3, 2, ncols=2)
    for each in axes:
        each.set(xlabel="epoch", ylabel="error, %")
    axes[0].set_title("Left", loc="left")
    assert figure_words(figure) == "Chart: Left. Horizontal axis: epoch. Vertical axis: error, %."


def test_a_notebook_becomes_a_page_with_its_words_for_pictures(tmp_path):
    picture = nbformat.v4.new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "Chart: A."}})
    table = nbformat.v4.new_output("execute_result", {"text/markdown": "| a |\n| --- |\n| 1 |", "text/plain": "x"})
    code = nbformat.v4.new_code_cell("draw()", outputs=[picture, table])
    source = tmp_path / "one.ipynb"
    source.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One"), code])))
    write_notebook(source, tmp_path / "pages" / "one.md")
    text = (tmp_path / "pages" / "one.md").read_text()
    assert "![Chart: A.](one_files/one_1_0.png)" in text
    assert (tmp_path / "pages" / "one_files" / "one_1_0.png").read_bytes() == b"no real picture"
    assert "| a |\n| --- |" in text
    assert text.index("<summary>Code</summary>") < text.index("draw()") < text.index("</details>") < text.index("![")


@pytest.fixture
def source(tmp_path):
    """Gathered pages: a README of the results and a page beside a notebook's."""
    folder = tmp_path / "source"
    for name in ("results/README.md", "results/notebooks/25_to_16.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# Page\n")
    return folder


def followed(source, text):
    page = source / "results" / "page.md"
    page.write_text(text)
    pages.follow_links(page, source)
    return page.read_text()


def test_links_lead_to_gathered_pages_and_files_come_along(source):
    assert followed(source, "[a](notebooks/25_to_16.ipynb)") == "[a](notebooks/25_to_16.md)"
    assert followed(source, "[a](tables)") == "[a](README.md)"
    kept = "[a](../paper_notes/claims.yaml), [b](https://example.org), [c](#here), `x[0](y)`"
    assert followed(source, kept) == kept
    assert (source / "paper_notes/claims.yaml").read_bytes() == (REPO_ROOT / "paper_notes/claims.yaml").read_bytes()


@pytest.mark.parametrize("link", ["no_such.csv", "../../outside.md"])
def test_a_link_to_no_file_is_one_error_that_names_page_and_link(source, link):
    with pytest.raises(ReproduceError, match=f"^results/page.md links to {link}, which is no file; "):
        followed(source, f"[a]({link})")


def test_every_reference_and_deviation_of_a_claim_is_found():
    notes, every = load_notes(), load_claims()
    for each in every:
        check_sources(each)
    assert all(each.source_check.sources for each in every if each.source_check)
    named = {row["id"] for each in every for row in notes.deviations_of(each)}
    assert {"D24", "D27"} <= named
    assert notes.deviations["D24"]["question"] == "Do the bias rates of the CIFAR-10 nets fall too?"


def test_a_missing_table_is_one_error_and_the_site_that_is_there_stays(tmp_path, monkeypatch, capsys):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("old")
    monkeypatch.setattr(make_site.site_stage, "__defaults__", (site,))
    monkeypatch.setattr(records, "TABLES", tmp_path / "tables")
    assert cli.main(["report", "site"]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/tables/verdicts.csv is missing; restore it with git\n"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert (site / "index.html").read_text() == "old"


def test_a_claim_that_was_not_judged_yet_is_an_error(tmp_path):
    loaded = make_records(tmp_path / "results")
    loaded.claims = [loaded.claims[2].model_copy(update={"id": "just-added"})]
    with pytest.raises(
        ReproduceError, match="^results/tables/verdicts.csv lacks the claim 'just-added'; run `dvc repro`$"
    ):
        write_claims(tmp_path / "source", loaded)


def test_a_source_without_an_entry_is_an_error(tmp_path):
    loaded = make_records(tmp_path / "results")
    loaded.claims = [loaded.claims[2]]
    with pytest.raises(
        ReproduceError, match="^claim halved: .*references.bib has no entry 'results2012'; add it or correct the key$"
    ):
        write_claims(tmp_path / "source", loaded)


def small_site(tmp_path, text, **further):
    source = tmp_path / "source"
    for name, content in {"index": f"# Home\n\n{text}\n", **further}.items():
        (source / f"{name}.md").parent.mkdir(parents=True, exist_ok=True)
        (source / f"{name}.md").write_text(content)
    run_sphinx(source, tmp_path / "site", {"a-claim": "claims/a-claim", "claims.number": "claims/a-claim"})
    return (tmp_path / "site" / "index.html").read_text()


def test_an_id_in_code_type_becomes_a_link_outside_headings_and_links(tmp_path):
    further = {"claims/a-claim": "---\norphan: true\n---\n# A claim\n\n`a-claim`\n"}
    text = "## `a-claim`\n\n`a-claim`, `claims.number`, `other`, [`a-claim`](claims/a-claim.md)"
    page = small_site(tmp_path, text, **further)
    article = page[page.index("<article") : page.index("</article>")]
    assert article.count('href="claims/a-claim.html"') == 3
    assert "/other" not in article


def test_no_line_break_parts_a_number_from_its_percent_sign(tmp_path):
    page = small_site(tmp_path, "It was 16.4 % *and 5 %*. `7 %`\n\n| a |\n| --- |\n| 8 % |\n")
    article = page[page.index("<article") : page.index("</article>")]
    assert all(f"{number}\N{NO-BREAK SPACE}%" in article for number in ("16.4", "5", "8"))
    assert "7\N{NO-BREAK SPACE}%" not in article


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[a](missing.md)", "missing.md"), ("![](data.png)", "no alternative text"), ("[a](#nowhere)", "nowhere")],
)
def test_a_wrong_page_is_one_error_that_names_it(tmp_path, text, problem):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "data.png").write_bytes(base64.b64decode(PIXEL))
    with pytest.raises(ReproduceError, match=f"^the site cannot be built: index.md.*{problem}.*; correct that page$"):
        small_site(tmp_path, text)
