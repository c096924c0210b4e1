"""Messages as they are printed: one line, nothing that a terminal would act on, nothing absurdly long."""

import shutil

from reproduce.base.errors import near_or_all, one_line, shortened, system_reason


def test_the_system_s_words_are_kept_alone():
    listed = [("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'"), ("c", "d", "another")]
    assert system_reason(shutil.Error(listed)) == "No space left on device"
    assert system_reason(OSError(28, "No space left on device", "a")) == "No space left on device"
    assert system_reason(OSError("odd")) == "odd"


def test_a_message_is_one_line_of_printable_characters():
    assert one_line("a\nb\r\tc\x1b[31m\x00d\udcffe") == "a b c [31m d e"
    assert one_line("caf\xe9 \u2212 1") == "caf\xe9 \u2212 1"


def test_a_long_word_and_a_long_line_are_cut_in_the_middle():
    cut = one_line(f"no {'n' * 5_000}; write another")
    assert cut.startswith("no nnnn") and "(5,001 characters)" in cut and cut.endswith("; write another")
    assert len(cut) < 300
    assert len(one_line("word " * 5_000 + "end")) < 2_100 and one_line("word " * 5_000 + "end").endswith("end")


def test_a_path_as_long_as_paths_are_stays_whole():
    path = "/" + "/".join(["folder"] * 40)
    assert one_line(f"{path} is missing") == f"{path} is missing"


def test_values_are_shown_short_and_names_with_near_ones():
    assert shortened("x") == "'x'" and shortened("x" * 100).endswith("... (102 characters)")
    assert near_or_all("momentun", ["momentum", "rate"]) == "did you mean momentum?"
    assert near_or_all("zzz", ["momentum", "rate"]) == "it has momentum, rate"
