"""CITATION.cff, codemeta.json, .zenodo.json, pyproject.toml and CHANGELOG.md are well-formed and say the same."""

import json
import re
import subprocess
import tomllib

import jsonschema
import pytest

from reproduce.base.paths import REPO_ROOT
from reproduce.base.validation import read_yaml
from reproduce.judge.numbers import read_file

DOI = "10.1145/3065386"

# Requirements of the Citation File Format 1.2.0 for the fields in use; no other field is allowed here.
_NAMES = {"family-names": {"type": "string"}, "given-names": {"type": "string"}, "name": {"type": "string"}}
_AUTHORS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": _NAMES},
}
_TEXT = {"type": "string", "minLength": 1}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_REFERENCE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["authors", "title", "type"],
    "properties": {
        "authors": _AUTHORS,
        "title": _TEXT,
        "type": {"enum": ["article", "conference-paper"]},
        "year": {"type": ["integer", "string"]},
        "doi": {"type": "string", "pattern": r"^10\.\d{4,9}(\.\d+)?/\S+$"},
        "volume": {"type": ["integer", "string"]},
        **dict.fromkeys(("journal", "collection-title", "issue", "start", "end"), _TEXT),
    },
}
CFF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["cff-version", "message", "title", "authors"],
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "type": {"enum": ["software", "dataset"]},
        "authors": _AUTHORS,
        "date-released": _DATE,
        "keywords": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _TEXT},
        "license": {"const": "MIT"},
        "repository-code": {"type": "string", "pattern": "^https://"},
        "url": {"type": "string", "pattern": "^https://"},
        "references": {"type": "array", "items": _REFERENCE},
        **dict.fromkeys(("message", "title", "abstract", "version"), _TEXT),
    },
}


@pytest.fixture(scope="module")
def citation():
    return read_yaml(REPO_ROOT / "CITATION.cff")


def read(name):
    return json.loads((REPO_ROOT / name).read_text())


def test_the_citation_file_is_valid_and_whole(citation):
    jsonschema.validate(citation, CFF)
    assert {"abstract", "keywords", "version", "date-released", "license", "references"} <= citation.keys()


@pytest.mark.parametrize(
    "change",
    [{"title": None}, {"type": "code"}, {"abstrakt": "x"}, {"authors": []}, {"date-released": "29.11.2026"}],
)
def test_a_wrong_citation_file_is_refused(citation, change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(citation | change, CFF)


def test_the_paper_is_among_the_references_with_its_doi(citation):
    titles = {work["title"] for work in citation["references"]}
    assert titles == {"ImageNet Classification with Deep Convolutional Neural Networks"}
    assert [work["doi"] for work in citation["references"] if "doi" in work] == [DOI]
    assert read("codemeta.json")["referencePublication"][0]["identifier"].endswith(DOI)
    assert [each["identifier"] for each in read(".zenodo.json")["related_identifiers"]] == [DOI]


def test_every_file_names_the_same_version_title_license_and_authors(citation):
    codemeta, zenodo = read("codemeta.json"), read(".zenodo.json")
    project = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text())["project"]
    head = {name: value for name, value in read_file().items() if name != "numbers"}
    for facts in (codemeta, zenodo, project, head):
        assert facts["version"] == citation["version"]
    assert codemeta["name"] == zenodo["title"] == head["title"] == citation["title"]
    assert codemeta["license"].endswith(f"/{citation['license']}")
    assert zenodo["license"] == project["license"] == head["license"] == citation["license"]
    assert codemeta["datePublished"] == zenodo["publication_date"] == citation["date-released"]
    names = [author["name"] for author in citation["authors"]]
    assert [each["name"] for each in codemeta["author"]] == [each["name"] for each in zenodo["creators"]] == names
    assert codemeta["keywords"] == zenodo["keywords"] == citation["keywords"]


def entries():
    """Versions of the changelog, newest first, with the text below each."""
    parts = re.split(r"^## (\d+\.\d+\.\d+)$", (REPO_ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_newest_entry_of_the_changelog_is_this_version(citation):
    versions = list(entries())
    assert versions[0] == citation["version"]
    assert versions == sorted(versions, key=lambda version: tuple(map(int, version.split("."))), reverse=True)


def test_every_earlier_version_names_its_commit():
    shallow = _git("rev-parse", "--is-shallow-repository").stdout.strip() != "false"
    for version, text in list(entries().items())[1:]:
        (commit,) = re.findall(r"Commit ([0-9a-f]{40})\.", text)
        if not shallow:
            assert _git("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0, version


def _git(*arguments):
    command = ["git", "-C", str(REPO_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
