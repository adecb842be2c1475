# %% [markdown]
# # Where does each byte go?
#
# A pruned and quantized network is an array of small integers, most of them 0. Stored as it is, every weight still takes one
# byte.
# **How many bits does such an array really need? And can we write it in as many?** In this lesson you find the bound that no
# code can beat, build the code that comes nearest, skip the zeros, go below one bit, and account for every byte of a file.
#
# It takes about 35 minutes. You have met masks in [05_pruning](05_pruning.md) and integers in
# [06_quantization](06_quantization.md).

# %%
import copy
import tempfile
from heapq import heapify, heappop, heappush
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nncompress
from nncompress import pruning
from nncompress.coding import arithmetic, huffman, mixing, sparse
from nnlite import data, models, optim, train
from nnlite.plot import BLUE, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# We need integers to code. We train the articles' CNN on the digits, set nine tenths of the weights to 0, train on, and
# quantize to 4 bits, the integers from −7 to 7. We code its largest layer, fc1.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)
model = models.cnn(in_channels=1, image_size=8, seed=0)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.02, momentum=0.9), epochs=6, progress=False)
masks = pruning.magnitude_masks(model, 0.9)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.02, momentum=0.9), epochs=4, progress=False,
          after_step=masks.apply)
plan = nncompress.quantize(model, loader, bits=4)
q = next(step.w for step in plan.steps if step.name == "fc1")
print(f"fc1: {q.size:,} integers from {q.min()} to {q.max()}, {np.mean(q == 0):.0%} of them 0")
assert q.size == 16_384 and np.abs(q).max() == 7 and np.mean(q == 0) > 0.85

# %% [markdown]
# ## 1 · The bound
#
# A symbol that comes often tells us little; a rare one is news. The news in a symbol of probability $`p`$ is $`\log_2(1/p)`$
# bits: one bit for a fair coin, two for one of four equal cards, almost none for what is nearly certain. The mean over all
# symbols is the **entropy**:
#
# ```math
# H = \sum_s p_s \log_2 \frac{1}{p_s}
# ```
#
# No code that gives each symbol a string of bits of its own needs fewer than $`H`$ bits for a symbol on average (Shannon
# 1948). Five symbols by hand: with the counts 8, 4, 2, 1, 1 the probabilities are 1/2, 1/4, 1/8, 1/16, 1/16, and the news 1,
# 2, 3, 4, 4 bits.

# %%
def slow_entropy(counts):
    total, bits = sum(counts), 0.0
    for count in counts:
        if count:
            bits += count / total * np.log2(total / count)
    return bits

five = [8, 4, 2, 1, 1]
assert slow_entropy(five) == (8 * 1 + 4 * 2 + 2 * 3 + 1 * 4 + 1 * 4) / 16 == 1.875
assert huffman.entropy_bits(five) == slow_entropy(five)

counts = np.bincount(q.reshape(-1).astype(int) + 7, minlength=15)      # of −7, −6, …, 7
H = slow_entropy(counts)
assert np.isclose(H, huffman.entropy_bits(counts))
assert H < 1.2 and slow_entropy([1] * 16) == 4.0                       # sixteen equal symbols need 4 bits

# %% [markdown]
# Sixteen equally frequent symbols would need 4 bits each. Our integers need hardly more than one, because nearly all of them
# are 0.
#
# ## 2 · A code that comes near: Huffman
#
# Give frequent symbols short strings and rare ones long strings. No string may be the beginning of another one, or nobody
# could tell where a symbol ends. Huffman's recipe of 1952 finds the best such lengths: **take the two rarest and join them
# into one, until one is left.** A symbol's length is the number of joints above it. It fits into a few lines:

# %%
def slow_lengths(counts):
    heap = [(count, [symbol]) for symbol, count in enumerate(counts) if count]
    lengths = [0] * len(counts)
    heapify(heap)
    while len(heap) > 1:
        (rare, symbols), (next_rare, others) = heappop(heap), heappop(heap)
        for symbol in symbols + others:
            lengths[symbol] += 1                                       # one more joint above it
        heappush(heap, (rare + next_rare, symbols + others))
    return lengths

assert slow_lengths(five) == [1, 2, 3, 4, 4]

# %% [markdown]
# For the five symbols the lengths are 1, 2, 3, 4, 4: exactly the news in each, because all probabilities are powers of one
# half. In general the mean length $`L = \sum p_s\,\text{length}_s`$ lies less than one bit above the entropy, $`H \le L < H +
# 1`$.
#
# The strings themselves need not be stored. If we agree to hand them out in order of length, counting upwards (a
# **canonical** code), the lengths say everything. The library's functions are in `compression/nncompress/coding/huffman.py`.

# %% tags=["volatile"]
lengths = huffman.code_lengths(counts)
strings = [f"{code:0{length}b}" if length else "" for code, length in zip(huffman.codes(lengths), lengths, strict=True)]
L = counts @ lengths / counts.sum()
assert H <= L < H + 1
assert counts @ slow_lengths(counts) == counts @ lengths               # several codes can be the best; all are as long
for one in filter(None, strings):                                      # none is the beginning of another
    assert sum(other.startswith(one) for other in strings) == 1

print("integer   count  code")
for s in np.argsort(-counts, kind="stable")[:6]:
    print(f"{s - 7:7d} {counts[s]:7d}  {strings[s]}")

# %% [markdown]
# Writing is gluing strings together. Reading walks along the bits until they form a code. And what was written comes back:

# %% tags=["volatile"]
symbols = q.reshape(-1).astype(int) + 7

def slow_encode(symbols):
    bits = "".join(strings[s] for s in symbols)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))

def slow_decode(coded, count):
    bits, symbols, at = "".join(f"{byte:08b}" for byte in coded), [], 0
    of = {string: s for s, string in enumerate(strings) if string}
    for _ in range(count):
        end = at + 1
        while bits[at:end] not in of:
            end += 1
        symbols.append(of[bits[at:end]])
        at = end
    return np.array(symbols)

coded = huffman.encode(symbols, lengths)
assert coded == slow_encode(symbols)
np.testing.assert_array_equal(slow_decode(coded, len(symbols)), symbols)
np.testing.assert_array_equal(huffman.decode(coded, lengths, len(symbols)), symbols)
print(f"{q.nbytes:,} bytes became {len(coded):,}; the entropy allows {H * len(symbols) / 8:,.0f}")
assert len(coded) < q.nbytes / 5

# %% [markdown]
# ## 3 · The zeros, and a gap with fillers
#
# Huffman has a floor: the shortest string is one bit. Even an array of zeros alone, whose entropy is 0, takes one bit for
# each of them:

# %%
nothing = np.zeros(10_000, int)
assert huffman.entropy_bits(np.bincount(nothing)) == 0
assert len(huffman.encode(nothing, huffman.code_lengths(np.bincount(nothing)))) == 10_000 / 8

# %% [markdown]
# So do not write the zeros at all. Store each non-zero value with the **gap** before it, the number of zeros since the last
# one. This is what *Deep Compression* does (Han, Mao & Dally 2016, figure 2). A gap gets a fixed number of bits, say 3, so it
# can be 0 to 7. What if 10 zeros lie in between? Then the eighth of them is stored as if it were a value: a **filler**, gap 7
# and value 0. The rest of the way is 2 zeros.

# %%
def slow_relative(dense, index_bits):
    gaps, values, gap = [], [], 0
    for value in dense:
        if value != 0 or gap == 2**index_bits - 1:
            gaps.append(gap)
            values.append(value)                                       # a filler has value 0
            gap = 0
        else:
            gap += 1
    while values and values[-1] == 0:                                  # fillers after the last value are not needed
        gaps.pop(), values.pop()
    return np.array(gaps, np.uint16), np.array(values, dense.dtype)

dense = np.zeros(16)
dense[[1, 4, 15]] = 3.4, 0.9, 1.7
gaps, values = slow_relative(dense, 3)
assert gaps.tolist() == [1, 2, 7, 2] and values.tolist() == [3.4, 0.9, 0.0, 1.7]
for index_bits in range(1, 9):
    for ours, theirs in zip(slow_relative(q.reshape(-1), index_bits),
                            sparse.to_relative(q.reshape(-1), index_bits), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(sparse.from_relative(*sparse.to_relative(q.reshape(-1), index_bits), q.size), q.reshape(-1))

# %% [markdown]
# How many bits should a gap have? Wide gaps waste bits, narrow ones need many fillers. Here is the size of fc1 for every
# width, with 4 bits for a value:

# %%
widths = np.arange(1, 11)
kilobytes = np.array([sparse.relative_bits(q.reshape(-1), w, 4) for w in widths]) / 8000
entries = np.array([len(sparse.to_relative(q.reshape(-1), w)[0]) for w in widths])
best = widths[np.argmin(kilobytes)]
assert best == sparse.best_index_bits(q.reshape(-1), 4) and 1 < best < 10
assert (np.diff(entries) <= 0).all() and entries[-1] == np.count_nonzero(q)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="gaps")
# alt: Bytes against bits of a gap: a valley in the middle; fillers on the left of it, wasted bits on the right.
ax.plot(widths, kilobytes, "o-", color=BLUE, lw=2)
ax.plot(widths, np.count_nonzero(q) * (widths + 4) / 8000, "--", color=GREY, lw=1.5)
ax.text(1.25, kilobytes[0], "with fillers", color=BLUE, va="center")
ax.text(1.25, np.count_nonzero(q) * 5 / 8000 - 0.1, "without", color=GREY, va="top")
ax.axhline(len(coded) / 1000, color=ORANGE, lw=1.5)
ax.text(10, len(coded) / 1000 + 0.06, "Huffman, every zero written", color=ORANGE, ha="right")
ax.set(title="Narrow gaps need fillers, wide ones waste bits", xlabel="bits of a gap", ylabel="kB for fc1",
       xticks=widths, ylim=(0, 1.15 * kilobytes.max()));

# %% [markdown]
# And the two ideas add up: gaps and values are again arrays of small integers, some more frequent than others. Huffman codes
# both.

# %% tags=["volatile"]
gaps, values = sparse.to_relative(q.reshape(-1), best)

def huffman_bytes(numbers):
    count = np.bincount(numbers)
    return len(huffman.encode(numbers, huffman.code_lengths(count)))

both = huffman_bytes(gaps.astype(int)) + huffman_bytes(values.astype(int) + 7)
print(f"fc1 in bytes: int8 {q.nbytes:,}; gaps and values {kilobytes.min() * 1000:,.0f}; these coded {both:,}")
assert both < kilobytes.min() * 1000 < q.nbytes / 5

# %% [markdown]
# ## 4 · One off, and everything is off
#
# A gap says how many zeros lie *between*. Deep Compression's figure prints the *difference* of the positions, which is one
# more. Somebody who writes differences and reads gaps makes no error at the first entry, one of a single place at the second,
# and so on: every entry starts where the last one ended.

# %% tags=["volatile"]
def read_as_differences(gaps, values, size):
    back = np.zeros(size, values.dtype)
    for position, value in zip(np.cumsum(gaps.astype(int)), values, strict=True):
        back[position] = value
    return back

wrong = read_as_differences(gaps, values, q.size)
right_places, wrong_places = np.flatnonzero(q.reshape(-1)), np.flatnonzero(wrong)
print(f"the last value lies {right_places[-1] - wrong_places[-1]:,} places too early")
assert right_places[-1] - wrong_places[-1] == len(gaps) - 1 > 200      # one place for each entry before it

# %% [markdown]
# There is no error message. Where a gap is 0, a weight even falls onto the one before it, and that one is lost. We put the
# shifted weights into the network and count:

# %% tags=["volatile"]
def errors_with(w):
    changed = copy.deepcopy(plan.steps)
    next(step for step in changed if step.name == "fc1").w = w.reshape(q.shape)
    return train.evaluate(nncompress.Int8Plan(changed, plan.law), test_loader)["errors"]

lost = (gaps[1:] == 0) & (values[:-1] != 0)                   # one weight on another; fillers may be lost
assert np.count_nonzero(q) - np.count_nonzero(wrong) == np.count_nonzero(lost) > 0

print(f"wrong of 360: {errors_with(q)} right places, {errors_with(wrong)} shifted")
assert errors_with(q) < 60 and errors_with(wrong) > 100

# %% [markdown]
# Inside a filler the same mistake is quieter. A filler is an entry, so it has a place of its own: with 3 bits, seven zeros
# are skipped, and the filler is the eighth. Somebody who forgets that counts its zero once more. Then each filler moves all
# that follows by one place. With 4 bits, the first weight of fc1 moves by less than half a row of 128 weights, the last one
# by more than a whole row:

# %%
def forgetful_relative(dense, index_bits):
    gaps, values, gap = [], [], 0
    for value in dense:
        if value != 0 or gap == 2**index_bits - 1:
            gaps.append(gap)
            values.append(value)
            gap = int(value == 0)                             # a filler's own zero is counted again
        else:
            gap += 1
    return np.array(gaps), np.array(values)

def misread(dense, index_bits):
    gaps, values = forgetful_relative(dense, index_bits)
    places = np.cumsum(gaps + 1) - 1                          # the reader is right
    back = np.zeros_like(dense)
    inside = places < len(dense)                              # what falls off the end is lost
    back[places[inside]] = values[inside]
    return back

figure_2 = np.zeros(17)
figure_2[[1, 4, 15]] = 3.4, 0.9, 1.7
assert np.flatnonzero(misread(figure_2, 3)).tolist() == [1, 4, 16]     # one filler: 15 became 16

flat = q.reshape(-1)
quiet = misread(flat, 4)
their_gaps, their_values = forgetful_relative(flat, 4)
kept = their_values != 0
moved = (np.cumsum(their_gaps + 1) - 1)[kept] - np.flatnonzero(flat)
before = np.cumsum(~kept)[kept]                               # fillers before each weight
assert (moved == before).all() and moved[0] < 64 and moved[-1] > 128
assert errors_with(quiet) > 100

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="filler", figsize=(6.4, 3.2))
# alt: How far a weight moved against its place: a staircase from 0 that passes one row, 128 places, before the end.
ax.step(np.flatnonzero(flat), moved, color=ORANGE, lw=2, where="post")
ax.axhline(128, color=GREY, lw=1, ls="--")
ax.text(200, 134, "one whole row", color=GREY, va="bottom")
ax.set(title="Each filler moves the rest by one place", xlabel="place of a weight in fc1", ylabel="places too far",
       xlim=(0, len(flat)), ylim=(0, None));

# %% [markdown]
# A checksum does not help against this, because these *are* the bytes that were written. What helps is a test with runs of
# zeros just below and just above the span: 7 zeros fit into 3 bits, 8 need a filler.

# %%
for zeros, expected in ((7, ([7], [5])), (8, ([7, 0], [0, 5])), (9, ([7, 1], [0, 5]))):
    run = np.array([0] * zeros + [5])
    for coder in (slow_relative, sparse.to_relative):
        assert tuple(part.tolist() for part in coder(run, 3)) == expected
assert tuple(part.tolist() for part in forgetful_relative(np.array([0] * 8 + [5]), 3)) == ([7, 1], [0, 5])

# %% [markdown]
# And a reader of files has to check what it can. The library's reader refuses positions beyond the array, codes that are not
# complete, and a file whose checksum does not fit. Flip one bit of a file, and `load` says so:

# %% tags=["volatile"]
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.nnz"
nncompress.save(path, plan)
damaged_bytes = bytearray(path.read_bytes())
damaged_bytes[1000] ^= 1
(Path(folder.name) / "flipped.nnz").write_bytes(damaged_bytes)
try:
    nncompress.load(Path(folder.name) / "flipped.nnz")
    raise SystemExit("a damaged file was loaded")
except ValueError as error:
    print(str(error).replace(folder.name, "…"))

# %% [markdown]
# ## 5 · Less than a bit: arithmetic coding
#
# "Is there a weight at this place?" is a question with two answers, of which one is far more likely. It has an entropy of half
# a bit or less, and Huffman's shortest string is one bit long. How can an answer take half a bit?
#
# **Arithmetic coding** gives up strings for single symbols. The whole message becomes one number between 0 and 1. An interval
# starts as $`[0, 1)`$. Each bit keeps a part of it, as large as the bit was likely: with $`p`$ for a 1, a 1 keeps the lower
# share $`p`$ of the interval, a 0 the rest. At the end any number in the interval says everything, and we write the shortest.
# An interval of width $`w`$ holds a number of about $`\log_2(1/w)`$ binary digits, and $`w`$ is the product of all the
# probabilities: the digits are the sum of the news.

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="interval", figsize=(6.4, 3))
# alt: Four nested bars: each bit of 0, 0, 1, 0 keeps a part of the interval before it, at last a narrow one is left.
low, width = 0.0, 1.0
for row, bit in enumerate([0, 0, 1, 0, None]):
    ax.barh(row, width, left=low, height=0.5, color=BLUE if row else GREY)
    ax.text(-0.02, row, "start" if row == 0 else f"after {'0010'[:row]}", ha="right", va="center", color=GREY)
    if bit is not None:
        one = width / 4
        ax.plot([low + one, low + one], [row - 0.25, row + 0.25], color="white", lw=1.5)
        low, width = (low, one) if bit else (low + one, width - one)
ax.set(title="Each bit keeps its share of the interval (p = 1/4 for a 1)", xlim=(0, 1), yticks=[], xlabel="the number")
ax.invert_yaxis()
ax.spines[["left"]].set_visible(False)
ax.grid(visible=False);

# %% [markdown]
# With Python's unlimited integers this is a dozen lines. Probabilities are integers $`P = 2^{16} p`$, so each bit multiplies
# everything by $`2^{16}`$ and no digit is lost:

# %%
def slow_arithmetic(bits, P):
    low, width = 0, 1                                                  # the interval, times 2^(16 n) after n bits
    for bit, p in zip(bits, P, strict=True):
        low, one, width = low << 16, width * p, width << 16
        low, width = (low, one) if bit else (low + one, width - one)
    digits, size = 16 * len(bits), 0
    while (number := -(-low >> digits - 8 * size)) << digits - 8 * size >= low + width:
        size += 1                                                      # no number of so few bytes lies in the interval
    return number.to_bytes(size, "big")

def slow_arithmetic_decode(coded, P):
    number, scale = int.from_bytes(coded, "big"), 8 * len(coded)       # number / 2^scale
    low, width, bits = 0, 1, []
    for n, p in enumerate(P, 1):
        low, one, width = low << 16, width * p, width << 16
        bits.append(int(number << 16 * n < low + one << scale))        # on which side does the number lie?
        low, width = (low, one) if bits[-1] else (low + one, width - one)
    return bits

there = (q != 0).reshape(-1).astype(int)[:4000]
p = there.mean()
P = [round(p * 65536)] * len(there)
coded_places = slow_arithmetic(there.tolist(), P)
bound = len(there) * huffman.entropy_bits(np.bincount(there)) / 8
assert slow_arithmetic_decode(coded_places, P) == there.tolist()
assert bound <= len(coded_places) + 1 and len(coded_places) < 1.01 * bound + 1
assert len(coded_places) < 0.7 * len(there) / 8                        # Huffman: one bit for each

# %% [markdown]
# The entropy is reached, to the byte. Two things are left to mend. Numbers of ten thousand digits are slow: the library
# keeps 32 bits and writes each leading byte as soon as it is settled (`compression/nncompress/coding/arithmetic.py`). And the
# decoder has to know $`P`$. It need not be stored: both sides can **learn** it from the bits that they have already seen.
# After $`n`$ bits, of which some were 1, the estimate moves towards the next bit by a step of $`1/(n + 1.6)`$:
#
# ```math
# p \leftarrow p + \frac{\text{bit} - p}{n + 1.6}
# ```

# %%
def learnt(bits):
    p, P = 0.5, []
    for n, bit in enumerate(bits):
        P.append(min(65520, max(16, int(p * 65536))))                  # the estimate before the bit is seen
        p += (bit - p) / (n + 1.6)
    return P

P = learnt(there.tolist())
assert slow_arithmetic_decode(slow_arithmetic(there.tolist(), P), P) == there.tolist()
adaptive = slow_arithmetic(there.tolist(), P)
assert len(adaptive) < 1.02 * bound + 2                                # learning costs a byte or two
assert abs(len(arithmetic.encode(there, P)) - len(adaptive)) <= 1      # 32 bits are enough
assert abs(len(mixing.encode(there)) / len(adaptive) - 1) < 0.03       # its estimates are integers

# %% [markdown]
# Now the estimate may depend on anything that both sides know. In pruned layers, weights stand together: some rows are full,
# and some inputs matter to everybody. So let every **context** have an estimate of its own: how many weights there were above
# this one in its column, and how many to the left of it in its row. Which of the two should we believe? The library mixes
# their opinions: it adds them up as $`\ln\frac{p}{1-p}`$, each with a weight, and learns the weights as logistic regression
# does, a step after each bit (`compression/nncompress/coding/mixing.py`; coder and mixer are the holes of assignment
# `hw13_arithmetic`).

# %% tags=["volatile"]
def places_and_contexts(w):
    places = (w != 0).astype(int)
    above, left = np.cumsum(places, axis=0) - places, np.cumsum(places, axis=1) - places
    return places.reshape(-1), np.minimum(np.stack([above, left], axis=-1), 15).reshape(-1, 2)

places, contexts = places_and_contexts(q)
alone = [len(mixing.encode(places, contexts[:, [k]])) for k in range(2)]
mixed = len(mixing.encode(places, contexts))
whole_bound = places.size * huffman.entropy_bits(np.bincount(places)) / 8
np.testing.assert_array_equal(mixing.decode(mixing.encode(places, contexts), places.size, contexts), places)
print(f"places of fc1: entropy {whole_bound:,.0f} bytes; above {alone[0]:,}; left {alone[1]:,}; both {mixed:,}")
assert mixed < min(alone) + 2 and mixed < whole_bound

# %% [markdown]
# That is less than the entropy. Did we beat Shannon? No: his bound holds for symbols that know nothing of each other, and
# ours do. Here is fc1 in all the codings of this lesson. `code_weights` in `layer.py` codes places, signs and sizes, each with
# its neighbours:

# %%
sizes = nncompress.coding.coded_sizes(q, bits=4)
assert sizes["fixed width"] == q.size / 2
assert sizes["arithmetic"] < sizes["relative, Huffman"] < sizes["relative index"] < sizes["fixed width"]
assert sizes["entropy"] <= sizes["Huffman"] and sizes["arithmetic"] < sizes["entropy"] * 1.02

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="codings", figsize=(6.4, 3))
# alt: Bars of fc1's bytes in five codings; the arithmetic code is the shortest, beside a line at the entropy.
names = [name for name in sizes if name != "entropy"]
ax.barh(names, [sizes[name] for name in names], color=[ORANGE if name == "arithmetic" else BLUE for name in names])
ax.axvline(sizes["entropy"], color=GREY, lw=1.5, ls="--")
ax.text(sizes["entropy"] + 100, 4, f"entropy of single weights: {sizes['entropy']:,.0f}", color=GREY, va="center")
for y, name in enumerate(names):
    ax.text(100, y, f"{sizes[name]:,.0f}", va="center", color="white")
ax.invert_yaxis()
ax.set(title="fc1 in bytes, by coding", xlim=(0, 1.05 * sizes["fixed width"]))
ax.grid(visible=False);

# %% [markdown]
# ## 6 · Every byte of a file
#
# An `.nnz` file holds everything that the network needs: what the layers are, scales, biases, weights and a checksum. It is
# one arithmetic code from the fourth byte on. `nncompress.inspect` says where the bytes go, and its parts add up to the size
# that the file system reports:

# %% tags=["volatile"]
report = nncompress.inspect(path)
assert abs(sum(report.parts.values()) - report.file_bytes) < 1e-6 and report.file_bytes == path.stat().st_size
weights = sum(int(np.prod(layer.shape)) for layer in report.layers)
print(str(report).split("\n", 2)[2])
assert report.file_bytes < 4 * weights / 15

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="bytes", figsize=(6.4, 3.2))
# alt: Bars of the parts of the file; positions and sizes take the most.
parts = sorted((part for part in report.parts.items() if part[1] >= 0.5), key=lambda part: part[1])
ax.barh([name for name, _ in parts], [size for _, size in parts], color=BLUE)
for y, (_, size) in enumerate(parts):
    ax.text(size + 15, y, f"{size:,.0f}", va="center", color=GREY)
ax.set(title="Places cost about as much as values", xlabel="bytes", xlim=(0, 1.15 * parts[-1][1]))
ax.grid(visible=False);

# %%
places_cost, values_cost = report.parts["positions"], report.parts["signs"] + report.parts["sizes"]
assert places_cost > report.file_bytes / 5 and values_cost > report.file_bytes / 5
assert 1 / 2 < places_cost / values_cost < 2

# %% [markdown]
# Look at fc1: it has fewer neurons than in the plan, and fewer weights. A neuron into which no weight leads, or which no weight
# of the next layer reads, changes nothing. The file leaves it out, together with the weights on its other side.
#
# Is the report right? Let us check it with our own functions. A sign is a coin: each weight that is left takes about one bit.
# The places of fc1 take about what our two contexts need. And the scales: each neuron or filter has one, a float32 of 31
# bits, of which the file leaves out zeros at the end.

# %%
fc1 = next(layer for layer in report.layers if layer.name == "fc1")
left_over = next(step.w for step in nncompress.load(path).steps if step.name == "fc1")
assert fc1.nonzero == np.count_nonzero(left_over) and abs(fc1.parts["signs"] * 8 / fc1.nonzero - 1) < 0.1
assert fc1.nonzero < np.count_nonzero(q) and fc1.shape[0] < fc1.dense_shape[0] == 128
ours = len(mixing.encode(*places_and_contexts(left_over)))
assert 0.8 * ours < fc1.parts["positions"] < 1.1 * ours
neurons = sum(layer.shape[0] for layer in report.layers)
assert 0.6 * 4 * neurons < report.parts["scales"] < 1.25 * 4 * neurons
assert report.parts["checksum"] == 4 and report.parts["header"] < 60

# %% [markdown]
# Scales of float32, one for each neuron, take more than a part of the file that is meant to be small. A network that was
# trained on one grid for each layer needs one scale, and its biases are then small whole numbers, too.
#
# *Where* a weight stands costs about as much as *what* it is. Whoever gives a compression ratio and leaves out the indices
# counts about half of what the weights cost. And what the file gives back is not similar to the plan that was saved. It is
# the same, logit for logit, bit for bit:

# %%
again = nncompress.load(path)
images, _ = next(iter(test_loader))
np.testing.assert_array_equal(again(images), plan(images))
folder.cleanup()

# %% [markdown]
# ## Your turn

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

# %% [markdown]
# **1.** Write the lengths of Huffman's code yourself, without looking up. A symbol that never occurs has length 0, one that
# is alone has length 1. (The hole `leaf_depths` of assignment `hw09_coding`.)

# %%
def my_code_lengths(counts):
    raise NotImplementedError

def test_code_lengths(f):
    assert list(f([8, 4, 2, 1, 1])) == [1, 2, 3, 4, 4]
    assert list(f([0, 5, 0])) == [0, 1, 0]
    for seed in range(5):
        some = np.random.default_rng(seed).integers(0, 50, 30)
        ours = np.asarray(f(some.tolist()))
        assert some @ ours == some @ huffman.code_lengths(some) and (ours[some == 0] == 0).all()

attempt(test_code_lengths, my_code_lengths)

# %% [markdown]
# **2.** Find the fewest bits for gaps and values *together*, when both are Huffman-coded: try every width of a gap from 1 to
# 8 and return the best with its bytes (tables not counted). It need not be the width of section 3.

# %%
def best_width(q):
    raise NotImplementedError

def test_best_width(f):
    width, size = f(q)
    tried = [sum(huffman_bytes(part.astype(int) + shift) for part, shift in
                 zip(sparse.to_relative(q.reshape(-1), w), (0, 7), strict=True)) for w in range(1, 9)]
    assert size == min(tried) == tried[width - 1] and size <= both

attempt(test_best_width, best_width)

# %% [markdown]
# **3.** Golomb's code needs no table at all: a gap $`g`$ is written as $`\lfloor g / 2^k \rfloor`$ ones, a zero, and the last
# $`k`$ bits of $`g`$. Return the number of bits for all gaps of fc1 with the best $`k`$. There are no fillers: the ones go on
# for as long as they must.

# %%
def golomb_bits(gaps):
    """Σ (⌊g / 2^k⌋ + 1 + k) for the k from 0 to 15 that makes it smallest."""
    raise NotImplementedError

def test_golomb(f):
    assert f(np.array([0, 0, 0])) == 3 and f(np.array([5])) == 4
    whole, _ = sparse.to_relative(q.reshape(-1), 16)
    assert f(whole) < huffman.entropy_bits(np.bincount(whole)) * len(whole) * 1.1

attempt(test_golomb, golomb_bits)

# %% [markdown]
# ## What to keep
#
# * The entropy is a bound that you can compute before you write a coder. Compare every coder with it.
# * Huffman is within a bit of it, for each symbol. If one symbol is nearly certain, skip it, or code arithmetically.
# * An arithmetic coder reaches the entropy. What is left to gain is a better guess: contexts, and a mixer that weighs them.
# * Places cost bits. A ratio that leaves out indices, tables and scales is none.
# * One off in a gap damages everything that follows. Test a coder by coding and decoding, and check what you read.
#
# Sources: Shannon 1948, *A Mathematical Theory of Communication*; Huffman 1952, *A Method for the Construction of
# Minimum-Redundancy Codes*; Han, Mao & Dally 2016, [arXiv 1510.00149](https://arxiv.org/abs/1510.00149), §2 and figure 2;
# Golomb 1966, *Run-Length Encodings*; Rissanen & Langdon 1979, *Arithmetic Coding*; Mahoney 2005, *Adaptive Weighing of
# Context Models*. Next: [09_distillation](09_distillation.md).
