"""YAML as typed settings: what is accepted, and that each mistake is one line naming place and value."""

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import Strict, read_yaml, validated


class Inner(Strict):
    rate: float


class Outer(Strict):
    count: int
    inner: Inner


def error_of(content):
    with pytest.raises(ReproduceError) as caught:
        validated(Outer, content, "settings.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_valid_content_becomes_the_model():
    settings = validated(Outer, {"count": 3, "inner": {"rate": 1}}, "settings.yaml")
    assert settings == Outer(count=3, inner=Inner(rate=1.0))
    assert isinstance(settings.inner.rate, float)  # so that 1 and 1.0 have one digest


def test_an_unknown_key_is_named():
    assert "settings.yaml: inner.speed: " in error_of({"count": 1, "inner": {"rate": 1.0, "speed": 2}})


def test_a_missing_key_is_named():
    assert error_of({"count": 1, "inner": {}}).startswith("settings.yaml: inner.rate: Field required")


@pytest.mark.parametrize("count", ["3", 3.5, True, None])
def test_values_are_never_coerced(count):
    assert f"settings.yaml: count: Input should be a valid integer, got {count!r}" in error_of(
        {"count": count, "inner": {"rate": 1.0}}
    )


@pytest.mark.parametrize("rate", [float("nan"), float("inf")])
def test_numbers_must_be_finite(rate):
    assert "settings.yaml: inner.rate: Input should be a finite number" in error_of(
        {"count": 1, "inner": {"rate": rate}}
    )


def test_further_mistakes_are_counted():
    assert error_of({"count": "a", "inner": {"rate": "b"}, "x": 1}).endswith("(and 2 more)")


def test_an_empty_file_is_a_one_line_error():
    assert error_of(None).startswith("settings.yaml: top level: ")


def test_settings_cannot_be_changed_afterwards():
    settings = Inner(rate=1.0)
    with pytest.raises(ValueError, match="frozen"):
        settings.rate = 2.0


def test_yaml_is_read_as_version_1_2(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("number: 1e-4\nword: no\nlist: [1, 2]\n")
    assert read_yaml(path) == {"number": 0.0001, "word": "no", "list": [1, 2]}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReproduceError, match=r"absent\.yaml is missing; restore it with git"):
        read_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize("content", [b"a: [1, 2", b"a: 1\na: 2\n", b"a: \xff\xfe\n"], ids=["open", "twice", "latin"])
def test_broken_yaml_is_one_line_with_the_file(tmp_path, content):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ReproduceError, match=r"broken\.yaml is not valid YAML: ") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_a_misspelled_key_is_named_with_the_right_one():
    error = error_of({"count": 1, "inner": {"rat": 1.0}})
    assert error.startswith("settings.yaml: inner.rat: ") and "; did you mean 'rate'? (and 1 more)" in error


def test_an_absurd_value_is_cut():
    error = error_of({"count": "9" * 5000, "inner": {"rate": 1.0}})
    assert len(error) < 250 and error.endswith("... (5,002 characters)")


def test_a_folder_in_place_of_a_file_and_bottomless_nesting_are_one_line(tmp_path):
    (tmp_path / "study.yaml").mkdir()
    with pytest.raises(
        ReproduceError, match=r"study\.yaml cannot be read \(.*Is a directory.*\); restore it with git$"
    ):
        read_yaml(tmp_path / "study.yaml")
    (tmp_path / "deep.yaml").write_text("[" * 20_000)
    with pytest.raises(ReproduceError, match=r"deep\.yaml is nested too deep to read"):
        read_yaml(tmp_path / "deep.yaml")
