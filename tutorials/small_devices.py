"""How much flash and RAM the smallest networks take on a Cortex-M4: prints the table of small_devices.md.

    python tutorials/small_devices.py

It needs arm-none-eabi-gcc and newlib (Debian's packages gcc-arm-none-eabi and libnewlib-arm-none-eabi).
Each network is linked with a program that calls it once, so that what the compiler takes from its own library counts, too. The
program's image and logits do not count.
"""

import subprocess
import tempfile
from pathlib import Path

import nncompress

RECORDS = Path(__file__).parent / "papers" / "artifacts"
NETWORKS = ["lenet-5", "lenet-5-tiny", "lenet-300-100", "lenet-300-100-tiny"]
COMPILER = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-std=c99", "-Os", "-ffunction-sections", "-fdata-sections",
            "-nostartfiles", "-Wl,--gc-sections,-e,start"]
PROGRAM = """
static uint8_t image[NNLITE_INPUTS];
static int32_t logits[NNLITE_OUTPUTS];
void start(void)
{
    nnlite_run(image, logits);
    while (nnlite_class(logits))
        ;
}
"""


def rows(name):
    """The rows of one network: (name, option, bytes of weights, of all flash, of RAM)."""
    plan = nncompress.load(RECORDS / f"{name}.nnz")
    for option, packed in ("`--ram`", False), ("`--flash`", True):
        source = nncompress.plan_to_c(plan, packed)
        text, data, bss = linked(source.text + PROGRAM)
        outside = plan.steps[0].shape[-1] * plan.steps[0].shape[-2] + 4 * plan.steps[-1].shape[0]
        yield name, option, source.weights, text + data, data + bss - outside


def linked(text):
    """The sizes of text, data and bss of a program."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.c")
        path.write_text(text, encoding="ascii")
        subprocess.run([*COMPILER, path, "-o", path.with_suffix(".elf"), "-lc", "-lgcc"], check=True)
        output = subprocess.run(["arm-none-eabi-size", path.with_suffix(".elf")], capture_output=True, text=True, check=True)
    return map(int, output.stdout.splitlines()[1].split()[:3])


def table():
    lines = ["| network | option | weights | all flash | RAM |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {option} | {' | '.join(f'{n:,}' for n in sizes)} |" for network in NETWORKS
              for name, option, *sizes in rows(network)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
