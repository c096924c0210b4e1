"""Processors that multiply bf16 in hardware, known by their flags."""

import pytest
import torch

from reproduce.base import hardware

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags\t\t: fpu sse avx2 avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu sse avx2 avx512f\n", False),
        ("model name\t: bf16 in the name only\n", False),
    ],
)
def test_flags_decide(cpuinfo, expected, monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "cpuinfo")
    assert hardware.has_native_bf16(CPU) is expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_is_asked_for_itself_and_not_for_the_current_one(capability, expected, monkeypatch):
    asked = {torch.device("cuda:1"): capability}
    monkeypatch.setattr(torch.cuda, "get_device_capability", asked.__getitem__)
    assert hardware.has_native_bf16(torch.device("cuda:1")) is expected


def test_a_system_that_does_not_tell_counts_as_without(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "absent")
    assert hardware.has_native_bf16(CPU) is False


def test_the_name_is_the_first_that_the_system_lists(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz: fast\nmodel name\t: Another\n")
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "cpuinfo")
    assert hardware.processor_name() == "Some CPU @ 2.0GHz: fast"
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "absent")
    monkeypatch.setattr(hardware.platform, "processor", lambda: "")
    monkeypatch.setattr(hardware.platform, "machine", lambda: "riscv64")
    assert hardware.processor_name() == "riscv64"


def test_features_are_those_named_in_a_fixed_order(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("model name : avx512f\nflags : fpu avx512_bf16 sse avx2\n")
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "cpuinfo")
    assert hardware.processor_features() == ["avx2", "avx512_bf16"]
