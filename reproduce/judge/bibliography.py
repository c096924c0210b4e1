"""The works cited: entries of ``references.bib`` by key, and this project's own entry."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE, reading
from reproduce.base.paths import PAPER_NOTES, REPO_ROOT, relative_to_repo
from reproduce.base.validation import read_yaml, validated
from reproduce.study.claims import Claim

REFERENCES_FILE = PAPER_NOTES / "references.bib"
CITATION_FILE = REPO_ROOT / "CITATION.cff"

_ENTRY = re.compile(r"^@\w+\{([^,\s]+),\n.*?^\}$", re.MULTILINE | re.DOTALL)
_KEY_OF_SOURCE = {  # the first words of a claim's source, and the key of that work
    "paper": "krizhevsky2012imagenet",
    "cuda-convnet": "cudaconvnet2012",
    "authors' notes of": "chm2025alexnet",
    "Coates, Lee & Ng, AISTATS 2011": "coates2011analysis",
    "He et al. 2016": "he2016resnet",
    "Perronnin, Sanchez & Mensink, ECCV 2010": "perronnin2010improving",
    "Torch blog": "zagoruyko2015torch",
    "Zoph et al. 2018": "zoph2018nasnet",
}
_LATEX = {"\\": r"\textbackslash{}"} | {character: f"\\{character}" for character in "&%$#_{}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\N{MINUS SIGN}": "--"}


class _Author(BaseModel):
    """An author in CITATION.cff: a person or an entity."""

    name: str | None = None
    family_names: str | None = Field(None, alias="family-names")
    given_names: str | None = Field(None, alias="given-names")

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if not (self.name or (self.family_names and self.given_names)):
            raise ValueError("an author needs a name, or family-names and given-names")
        return self


class _Citation(BaseModel):
    """The fields of CITATION.cff that a citation uses."""

    title: str = Field(min_length=1)
    authors: list[_Author] = Field(min_length=1)
    version: str | int | float
    license: str
    date_released: str | date | None = Field(None, alias="date-released")
    repository_code: str | None = Field(None, alias="repository-code")
    url: str | None = None


def sources_of(claim: Claim) -> list[str]:
    """Return the works behind a claim: the one that makes it, and those that it was checked against.

    Each is a key of ``references.bib`` with the place in that work.
    """
    found = []
    for start, key in _KEY_OF_SOURCE.items():
        if claim.source.startswith(start):
            place = claim.source.removeprefix(start).strip(" ,")
            found.append(f"{key}, {place}" if place else key)
    return list(dict.fromkeys([*found, *(claim.source_check.sources if claim.source_check else [])]))


def key_of(source: str) -> str:
    """Return the key of a source such as ``krizhevsky2012imagenet, Table 2``."""
    return source.partition(",")[0]


def entries(path: Path = REFERENCES_FILE) -> dict[str, str]:
    """Return the BibTeX entries by key, as they stand in the file.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    with reading(path):
        text = path.read_text(encoding="utf-8")
    return {found[1]: found[0] for found in _ENTRY.finditer(text)}


def entries_of(sources: Sequence[str]) -> list[str]:
    """Return the entries of the works named, each once.

    Raises:
        ReproduceError: the file is missing, or lacks a work.
    """
    known = entries()
    keys = list(dict.fromkeys(map(key_of, sources)))
    lacking = [key for key in keys if key not in known]
    if lacking:
        raise ReproduceError(
            f"{relative_to_repo(REFERENCES_FILE)} has no entry {lacking[0]!r}; add it or correct the key"
        )
    return [known[key] for key in keys]


def read_citation(path: Path = CITATION_FILE) -> dict[str, Any]:
    """Return ``CITATION.cff``: its title, authors, version and license at least.

    Raises:
        ReproduceError: the file is missing, damaged, or lacks one of these.
    """
    content = read_yaml(path)
    validated(_Citation, content, relative_to_repo(path), RESTORE)
    return content


def own_key(number_id: str) -> str:
    """Return the BibTeX key under which this project is cited for a number."""
    return f"alexnet-2012-reproduction-{number_id.replace('_', '-')}"


def own_entry(key: str, note: str, citation: Mapping[str, Any]) -> str:
    """Return this project's BibTeX entry, of the type ``@misc``, which every style knows.

    Args:
        key: the entry's key.
        note: plain text; characters with a meaning in LaTeX are escaped.
        citation: ``read_citation()``.
    """
    released = str(citation.get("date-released") or "")
    fields = {
        "title": f"{{{latex(citation['title'])}}}",
        "author": " and ".join(map(_author, citation["authors"])),
        "year": released[:4],
        "howpublished": latex(f"{str(citation.get('type', 'software')).capitalize()}, version {citation['version']}"),
        "url": citation.get("repository-code") or citation.get("url") or "",
        "note": latex(note),
    }
    body = "".join(f",\n  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{key}{body}\n}}"


def latex(text: str) -> str:
    """Return plain text in which characters with a meaning in LaTeX are escaped."""
    return "".join(_LATEX.get(character, character) for character in text)


def _author(author: Mapping[str, str]) -> str:
    if "name" in author:  # an entity; braces keep BibTeX from splitting it
        return f"{{{latex(author['name'])}}}"
    return latex(f"{author['family-names']}, {author['given-names']}")
