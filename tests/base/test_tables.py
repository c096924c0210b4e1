"""One error for every way in which a committed table or array can be wrong."""

import numpy as np
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_array, read_arrays
from reproduce.base.tables import read_csv


def test_a_table_is_read_as_pandas_reads_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n2,NA\n")
    assert read_csv(path, ["a"], keep_default_na=False)["b"].tolist() == ["x", "NA"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"t\.csv is missing; run `this`$"),
        (b"", r"t\.csv cannot be read \(No columns.*\); restore it with git$"),
        (b"a,b\n1,2\n1,2,3\n", r"t\.csv cannot be read \(.*line 3.*\); restore it with git$"),
        (b"a,b\n\xff\xfe,2\n", r"t\.csv cannot be read \(.*utf-8.*\); restore it with git$"),
        (b"b\n1\n", r"t\.csv lacks the column 'a'; restore it with git$"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(tmp_path, content, problem):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReproduceError, match=problem) as raised:
        read_csv(path, ["a"], remedy="run `this`")
    assert "\n" not in str(raised.value)


def test_a_folder_in_place_of_a_table_is_named(tmp_path):
    with pytest.raises(ReproduceError, match=r"cannot be read \(.*directory.*\); restore it with git$"):
        read_csv(tmp_path)


def test_arrays_share_the_error(tmp_path):
    whole = tmp_path / "a.npz"
    np.savez_compressed(whole, x=np.arange(1000))
    assert read_arrays(whole)["x"].sum() == 499_500
    for damaged in (whole.read_bytes()[:-30], b"", b"no archive"):
        whole.write_bytes(damaged)
        with pytest.raises(ReproduceError, match=r"a\.npz cannot be read \(.*\); restore it with git$"):
            read_arrays(whole)
    with pytest.raises(ReproduceError, match=r"none\.npz is missing; restore it with git$"):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(ReproduceError, match=r"none\.npy is missing; run `make it`$"):
        read_array(tmp_path / "none.npy", "make it")
