"""PTX of every word in both widths; no device is needed to make it."""

from __future__ import annotations

import re

import pytest

from tradepool.core.compiler import gpu
from tradepool.core.compiler.program import Program

NEAR = "def f(own: Floats, out: Floats, n: int) -> None:\n    total = 0.0\n    for k in range(4):\n        total += own[k]\n    out[0] = {}"


@pytest.mark.parametrize("floats", ["float64", "float32"])
def test_no_thread_reads_two_values_where_only_one_is_aligned(floats: gpu.Floats) -> None:
    text = gpu.ptx(Program.of_text(NEAR.format("total * own[5]")), "f", ["own"], floats)
    wide = re.findall(r"ld\.global\.v[24]\.\S+ .*\[(%rd\d+)\+(\d+)\]", text)
    size = 8 if floats == "float64" else 4
    assert all(int(offset) % (2 * size) == 0 for _, offset in wide), wide
    shared = "def g(p: Floats, own: Floats) -> None:\n    own[0] = p[1] * p[2] + p[3] * p[4]"
    text = gpu.ptx(Program.of_text(shared), "g", ["own"], floats)
    assert not re.findall(r"ld\.global\.v[24]", text)
    assert "fma" not in text


@pytest.mark.parametrize("word", ["log(total)", "exp(total)", "tanh(total)", "power(total, 2.5)"])
def test_words_made_of_64_bits_are_refused_in_float32(word: str) -> None:
    program = Program.of_text(NEAR.format(word))
    assert ".entry f" in gpu.ptx(program, "f", ["own"])
    with pytest.raises(gpu.NoFloat32, match=word.split("(")[0]):
        gpu.ptx(program, "f", ["own"], "float32")
