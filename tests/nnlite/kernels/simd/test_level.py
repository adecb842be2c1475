import os
import platform
import re
import subprocess
import sys
from collections import Counter

import llvmlite.binding as llvm
import pytest
from llvmlite import ir
from numba import types

from nnlite.kernels.simd import amx, instructions, level, narrow, strip, tile
from nnlite.kernels.simd.level import LEVELS, choose_level, host_features

TERMS = len(tile.Terms._fields)
BY_NAME = {level.name: level for level in LEVELS}
HERE = [level.name for level in LEVELS if all(host_features().get(need) for need in level.needs)]
CODE = """
import sys
import numpy as np
from nnlite import kernels
rng = np.random.default_rng(0)
a, w = rng.integers(0, 256, (19, 70), np.uint8), rng.integers(-128, 128, (70, 45), np.int8)
c = np.empty((19, 45), np.int32)
kernels.matmul_int8(a, kernels.pack_int8(w), c)
assert (c == a.astype(int) @ w.astype(int)).all()
x, y = rng.integers(-9, 10, (19, 70)).astype(np.float32), rng.integers(-9, 10, (70, 45)).astype(np.float32)
assert (kernels.matmul(x, y) == x.astype(int) @ y.astype(int)).all()
"""


def run_on_level(name, code=CODE):
    environment = {**os.environ, "NNLITE_SIMD": name}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", HERE)
def test_products_of_whole_numbers_are_exact_on_every_level_that_this_machine_has(name):
    done = run_on_level(name)
    assert done.returncode == 0, done.stderr


def test_the_best_level_is_taken_that_the_features_allow():
    assert choose_level({}).name == "generic"
    assert choose_level({"avx2": True, "fma": True}).name == "avx2"
    assert choose_level({"avx2": True, "fma": True, "avxvnni": True}).name == "avxvnni"
    everything = {need: True for level in LEVELS for need in level.needs}
    assert choose_level(everything).name == "amx"
    assert choose_level({**everything, "amx-tile": False}).name == "avx512vnni"
    assert choose_level(everything, "generic").name == "generic"


def test_a_level_that_the_cpu_lacks_or_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="NNLITE_SIMD: this processor lacks 'avx512vnni'; it can be generic"):
        choose_level({}, "avx512vnni")
    with pytest.raises(ValueError, match="NNLITE_SIMD: there is no level 'sse9'; it can be avx2, generic"):
        choose_level({"avx2": True, "fma": True}, "sse9")


def test_tile_registers_need_the_permission_of_the_operating_system(monkeypatch):
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: dict.fromkeys(BY_NAME["amx"].needs, True))
    monkeypatch.setattr(level, "tile_registers_permitted", lambda: True)
    assert choose_level(host_features()).name == choose_level(host_features(), "amx").name == "amx"
    monkeypatch.setattr(level, "tile_registers_permitted", lambda: False)
    assert choose_level(host_features()).name == "avx512vnni"
    with pytest.raises(ValueError, match="NNLITE_SIMD: this processor lacks 'amx'; it can be avx512vnni, generic"):
        choose_level(host_features(), "amx")


def test_a_processor_without_tile_registers_is_not_asked_for_them(monkeypatch):
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: {"avx2": True, "fma": True})
    monkeypatch.setattr(level, "tile_registers_permitted", None)
    assert choose_level(host_features()).name == "avx2"


@pytest.mark.parametrize("name, answer", [("machine", "aarch64"), ("system", "Darwin"), ("system", "Windows")])
def test_no_other_system_than_linux_on_x86_64_is_asked_for_permission(monkeypatch, name, answer):
    monkeypatch.setattr(platform, name, lambda: answer)
    monkeypatch.setattr(level.ctypes, "CDLL", None)
    assert level.tile_registers_permitted() is False


def test_the_environment_variable_is_heard():
    done = run_on_level("sse9", "import nnlite.kernels")
    assert done.returncode and "there is no level 'sse9'" in done.stderr


def assembly(emit, count, triple, cpu, optimize=False):
    """What emit(builder, terms, numbers), after the terms so many whole numbers, becomes on another processor."""
    module = ir.Module()
    module.triple = triple
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [instructions.I64] * (TERMS + count)), "tile")
    builder = ir.IRBuilder(function.append_basic_block())
    emit(builder, tile.Terms(*function.args[:TERMS]), *function.args[TERMS:])
    builder.ret_void()
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    module = llvm.parse_assembly(str(module))
    if optimize:
        passes = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
        passes.getModulePassManager().run(module, passes)
    return target.emit_assembly(module)


@pytest.mark.parametrize(("name", "dtype", "triple", "cpu", "instruction"), [
    ("avx512vnni", types.int32, "x86_64-linux-gnu", "cascadelake", r"vpdpbusd\s.*%zmm"),
    ("avx512vnni", types.float32, "x86_64-linux-gnu", "cascadelake", r"vfmadd\S+\s.*%zmm"),
    ("avxvnni", types.int32, "x86_64-linux-gnu", "alderlake", r"vpdpbusd\s.*%ymm"),
    ("avx2", types.int32, "x86_64-linux-gnu", "haswell", r"vpmaddwd\s.*%ymm"),
    ("avx2", types.float32, "x86_64-linux-gnu", "haswell", r"vfmadd\S+\s.*%ymm"),
    ("neon", types.float32, "aarch64-linux-gnu", "cortex-a76", r"fmla\s+v\d+\.4s"),
    ("neon", types.int32, "aarch64-linux-gnu", "cortex-a76", r"mla\s+v\d+\.4s"),
])
def test_another_processors_code_has_the_instruction_of_its_level(monkeypatch, name, dtype, triple, cpu, instruction):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for module in (tile, instructions):
        monkeypatch.setattr(module, "LEVEL", BY_NAME[name])
    shape = tile.Shape(dtype, 4, 2, whole=False, depthwise=False, short=False)
    text = assembly(lambda builder, *numbers: tile._emit_tile(builder, shape, *numbers), 7, triple, cpu)
    assert re.search(instruction, text)
    assert name == "avx512vnni" or "zmm" not in text


@pytest.mark.parametrize("kind", ["ordinary", "narrow"])
@pytest.mark.parametrize(("name", "triple", "cpu", "spill"), [
    ("avx512vnni", "x86_64-linux-gnu", "cascadelake", r"vmov\S+\s+%zmm\d+, .*%rsp"),
    ("avx2", "x86_64-linux-gnu", "haswell", r"vmov\S+\s+%ymm\d+, .*%rsp"),
    ("neon", "aarch64-linux-gnu", "cortex-a76", r"st[rp]\s+q\d+.*\[sp"),
])
def test_the_sums_of_the_largest_tile_stay_in_registers(monkeypatch, name, triple, cpu, spill, kind):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for module in (tile, narrow, instructions):
        monkeypatch.setattr(module, "LEVEL", BY_NAME[name])

    def spills(rows):
        def emit(builder, *numbers):
            if kind == "narrow":
                monkeypatch.setattr(narrow, "ROWS", rows)
                narrow._emit_tile(builder, types.float32, 4, *numbers)
            else:
                shape = tile.Shape(types.float32, rows, 2, whole=True, depthwise=False, short=False)
                tile._emit_tile(builder, shape, *numbers)

        return len(re.findall(spill, assembly(emit, 7, triple, cpu, optimize=True)))

    rows = BY_NAME[name].registers // 4 if kind == "narrow" else strip.rows_with_registers(BY_NAME[name])
    assert spills(rows) == 0 < spills(2 * rows)


def test_the_tile_registers_are_used_where_a_processor_has_them():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # one block: the whole chunks of 64 bytes, and the rest; two blocks of rows: four sums
    for starts, sums in (([0], {0: 2, 1: 2}), ([0, 16], {0: 1, 1: 1, 5: 1, 6: 1})):
        starts = [instructions.I64(start) for start in starts]
        text = assembly(lambda builder, *numbers, starts=starts: amx._emit(builder, starts, 2, *numbers), 5,
                        "x86_64-linux-gnu", "sapphirerapids")
        assert Counter(map(int, re.findall(r"tdpbusd\s.*%tmm(\d)$", text, re.MULTILINE))) == sums
