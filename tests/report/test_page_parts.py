import pytest
from page_support import unmarked_results
from report_support import make_records

from reproduce.base.errors import ReproduceError
from reproduce.judge.numbers import read_numbers
from reproduce.report import records
from reproduce.report.page_parts import stale_parts, update_page
from reproduce.report.verdict_tables import verdict_table

PAGE = """# Title

<!-- begin:verdicts -->
old
<!-- end:verdicts -->

Ours is <!-- n:cifar10-80sec-error -->?<!-- /n -->.

<!-- begin:verdict-counts --><!-- end:verdict-counts -->

The authors print 26 %, with a 95 % interval; `grep 77 %` is code.
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    loaded = make_records(folder)
    return loaded, read_numbers(folder / "numbers.json")


def page(tmp_path, text=PAGE):
    path = tmp_path / "README.md"
    path.write_text(text)
    return path


def test_update_fills_blocks_and_numbers_and_then_nothing_is_stale(tmp_path, made):
    loaded, numbers = made
    readme = page(tmp_path)
    assert update_page(readme, numbers, loaded)
    text = readme.read_text()
    assert "| reproduced " in text and "| not run " in text
    text = text.split("<!-- begin:verdict-counts -->")[0] + text.split("<!-- end:verdict-counts -->")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == ["claim", "published", "authors' log", "ours (95 % interval)", "seeds", "setting", "verdict"]
    setting = "CIFAR-10, own scale, full schedule, fp32"
    assert rows[2] == [
        "26 % error in 80 seconds",
        "26 %",
        "-",
        "26.00 % (25.50 to 26.50)",
        "3",
        setting,
        "**reproduced**",
    ]
    assert rows[3] == ["18 % error", "18 %", "18.3 %", "-", "0", "CIFAR-10, own scale", "**not run**"]
    assert len(rows) == 4
    assert "Ours is <!-- n:cifar10-80sec-error -->26.00 % (95 % interval 25.50 to 26.50, 3 seeds)<!-- /n -->" in text
    assert text.endswith(PAGE[PAGE.index("The authors print") :])
    assert not update_page(readme, numbers, loaded)
    assert stale_parts(readme, numbers, loaded) == []


def test_each_stale_part_is_named_and_nothing_changed(tmp_path, made):
    loaded, numbers = made
    readme = page(tmp_path)
    blocks, marked = ["block verdicts", "block verdict-counts"], ["number cifar10-80sec-error"]
    assert stale_parts(readme, numbers, loaded) == blocks + marked
    assert readme.read_text() == PAGE


def test_a_result_typed_by_hand_is_found():
    typed = PAGE + "We measured 25.97 % at 6,400 images/s.\n"
    assert unmarked_results(typed, known={26.0}) == ["25.97 %", "6,400 images/s"]


def test_results_in_code_markers_and_confidence_levels_are_no_results():
    text = "a 95 % interval, 95 % t-interval, `5 %`, ```\n7 %\n``` <!-- n:x -->8 %<!-- /n -->"
    text += " and 9 percent, 1,000 images a second"
    assert unmarked_results(text) == ["9 percent", "1,000 images a second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- begin:nope --><!-- end:nope -->", "there is no block 'nope'; known: cite-example,"),
        ("<!-- n:nope -->1<!-- /n -->", "no number 'nope' in results/numbers.json"),
        ("<!-- begin:verdicts --> no end", "the marker <!-- begin:verdicts --> has no partner"),
        ("<!-- n:cifar10-80sec-error -->26", "the marker <!-- n:cifar10-80sec-error --> has no partner"),
        ("26<!-- /n -->", "the marker <!-- /n --> has no partner"),
        (
            "<!-- n:cifar10-80sec-error:lower -->1<!-- /n -->",
            "cifar10-80sec-error is no difference in points; drop ':l",
        ),
        ("<!-- n:a.mean:verdict -->true<!-- /n -->", "a.mean is no claim; drop ':verdict' from its marker"),
    ],
)
def test_unknown_names_and_broken_markers_are_one_line_and_change_nothing(tmp_path, made, text, message):
    loaded, numbers = made
    numbers = numbers | {"a.mean": {"id": "a.mean", "kind": "mean"}}
    readme = page(tmp_path, text)
    with pytest.raises(ReproduceError, match=message) as caught:
        update_page(readme, numbers, loaded)
    assert "\n" not in str(caught.value)
    assert readme.read_text() == text


def test_a_number_of_lesser_scale_says_so(tmp_path, made):
    loaded, numbers = made
    lesser = numbers | {"x": numbers["cifar10-80sec-error"] | {"scale": "reduced"}}
    readme = page(tmp_path, "<!-- n:x -->1<!-- /n -->")
    update_page(readme, lesser, loaded)
    assert "reduced scale" in readme.read_text()


@pytest.mark.parametrize(("typed", "shown"), [("reproduced", "inconclusive"), ("Reproduced", "Inconclusive")])
def test_a_verdict_is_that_of_the_claim_and_keeps_its_capital(tmp_path, made, typed, shown):
    loaded, numbers = made
    open_claim = numbers | {"x": numbers["cifar10-80sec-error"] | {"verdict": "inconclusive"}}
    readme = page(tmp_path, f"<!-- n:x:verdict -->{typed}<!-- /n -->: said twice")
    assert stale_parts(readme, open_claim, loaded) == ["number x"]
    update_page(readme, open_claim, loaded)
    assert readme.read_text() == f"<!-- n:x:verdict -->{shown}<!-- /n -->: said twice"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("", "\u22120.29 points (95 % interval \u22120.53 to 0.05, 3 seeds)"),
        (":lower", "0.29 points higher (95 % interval 0.53 higher to 0.05 lower, 3 seeds)"),
        (":higher", "0.29 points lower (95 % interval 0.53 lower to 0.05 higher, 3 seeds)"),
    ],
)
def test_a_difference_is_said_with_a_word_for_its_sign(tmp_path, made, form, words):
    loaded, numbers = made
    points = {"unit": "percentage_points", "value": -0.29, "low": -0.53, "high": 0.05}
    readme = page(tmp_path, f"<!-- n:x{form} -->1<!-- /n -->")
    update_page(readme, numbers | {"x": numbers["cifar10-80sec-error"] | points}, loaded)
    assert readme.read_text() == f"<!-- n:x{form} -->{words}<!-- /n -->"


def test_a_study_has_its_own_block(tmp_path, made):
    loaded, numbers = made
    readme = page(tmp_path, "<!-- begin:verdicts-nets --><!-- end:verdicts-nets -->")
    update_page(readme, numbers, loaded)
    assert "26 % error in 80 seconds" in readme.read_text()


def test_not_run_and_source_check_blocks(tmp_path, made):
    loaded, numbers = made
    text = "<!-- begin:not-run --><!-- end:not-run -->\n<!-- begin:source-checks --><!-- end:source-checks -->"
    readme = page(tmp_path, text)
    update_page(readme, numbers, loaded)
    assert "**exaggerated**" in readme.read_text()
    assert "`dvc repro experiments/nets/dvc.yaml:18pct`" in readme.read_text()


def test_runs_overview_counts_what_is_listed_and_what_exists(made):
    overview = records.runs_overview(made[0], "nets").set_index("variant")
    assert overview[["listed", "finished"]].to_numpy().tolist() == [[3, 3], [2, 2], [2, 0]]
    assert overview["training seconds, median"].tolist()[:2] == [120.0, 120.0]
    assert overview.loc["18pct", "machine"] == "not run"


def test_missing_tables_and_pages_are_one_line(tmp_path, made):
    with pytest.raises(ReproduceError, match=r"verdicts\.csv is missing"):
        verdict_table(records.load_records(tmp_path))
    with pytest.raises(ReproduceError, match=r"README\.md is missing"):
        update_page(tmp_path / "README.md", made[1], made[0])
