# %% [markdown]
# # What a teacher knows beside the answer
#
# You show a network a handwritten 3. It answers "3", and it is sure. But it gives the other nine digits small probabilities,
# too, and these differ. **Is there knowledge in these small numbers, and can a smaller network learn from them?** In this
# lesson a small network, the *student*, learns from the outputs of a large one, the *teacher*. It will learn to read a digit
# of which it has never seen a single picture. You will also see where a teacher helps nothing at all.
#
# It takes about 25 minutes. You need softmax, cross-entropy and a gradient ([lesson 01](01_tape.md)).

# %%
import matplotlib.pyplot as plt
import numpy as np

import nnlite
from nnlite import Tensor, data, models, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Look at what a network says
#
# The teacher is a small CNN with 22,602 parameters. The bundled digits, 8×8 pixels each, go onto three heaps as in [lesson
# 04](04_training.md): it learns from 1,150 images, we choose how long on 287 others (the *validation images*), and 360 test
# images stay out of both. Which of four trainings is best? The one whose *loss* on the validation images is lowest. The loss
# says more than a count of errors: it asks how much probability the right digit gets.

# %% tags=["volatile"]
all_digits, test_digits = data.load("digits")
digits, choose = all_digits.split(0.8, rng=0)
prepare = data.preprocessing("digits")
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)

def batches(dataset, seed):
    return data.DataLoader(dataset, batch_size=64, shuffle=True, seed=seed, transform=prepare)

def descend(model, loader, epochs, **options):
    """Train the model; the lesson's one optimizer."""
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=epochs, progress=False, **options)
    return model

def errors(model):
    return train.evaluate(model, test_loader)["errors"]

def cnn(epochs):
    return descend(models.cnn(in_channels=1, image_size=8, seed=0), batches(digits, 0), epochs)

chosen_on = data.DataLoader(choose, batch_size=287, transform=prepare)
networks = {epochs: cnn(epochs) for epochs in (3, 6, 12, 24)}
losses = {epochs: train.evaluate(model, chosen_on)["loss"] for epochs, model in networks.items()}
print("validation loss:", ", ".join(f"{loss:.2f} after {epochs} epochs" for epochs, loss in losses.items()))
network = networks[min(losses, key=losses.get)]
teacher = nnlite.compile(network, data.prepare(test_digits[:1], "digits"))   # a plan: same answers, sooner
z, labels = train.logits(teacher, test_loader)
print("the teacher is wrong on", errors(teacher), "of 360")
assert (len(digits), len(choose)) == (1150, 287) and losses[3] > losses[6] > min(losses[12], losses[24])
assert errors(teacher) < 20 and sum(p.size for p in network.parameters()) == 22_602

# %% [markdown]
# What comes out of its last layer are ten numbers $`z_c`$ for each image, the **logits**. *Softmax* makes probabilities of
# them. We divide the logits by a number $`T`$ first, the **temperature**:
#
# ```math
# p_c = \frac{e^{z_c/T}}{\sum_k e^{z_k/T}}
# ```
#
# With $`T = 1`$ it is the ordinary softmax.

# %%
def slow_softmax(z, T):
    p = np.empty(z.shape)
    for n in range(len(z)):
        e = [np.exp((z_c - max(z[n])) / T) for z_c in z[n]]      # − max: e^1000 would overflow
        p[n] = [e_c / sum(e) for e_c in e]
    return p

sure, soft = slow_softmax(z, 1.0), slow_softmax(z, 4.0)
np.testing.assert_allclose(sure, F.softmax(z).data, atol=1e-6)    # the library: nnlite/functional/softmax.py
assert np.median(sure.max(axis=1)) > 0.99 and np.median(soft.max(axis=1)) < 0.9
assert (sure.argmax(axis=1) == soft.argmax(axis=1)).all()

# %% tags=["remove-input"]
second = np.sort(soft, axis=1)[:, -2] * (sure.argmax(axis=1) == labels) * (sure.max(axis=1) > 0.98)
chosen = [np.where(labels == digit, second, 0).argmax() for digit in (3, 5, 9)]
fig, axes = plt.subplots(3, 3, num="beside_the_answer", figsize=(6.4, 5.2), width_ratios=(1, 1.6, 1.6))
# alt: Three digits. At temperature 1 one bar stands alone; at temperature 4 other digits that look similar have bars, too.
for row, n in zip(axes, chosen, strict=True):
    row[0].imshow(test_digits.images[n, 0], cmap="gray_r")
    row[0].set_axis_off()
    for ax, p in zip(row[1:], (sure[n], soft[n]), strict=True):
        ax.bar(range(10), p, color=[BLUE if c == labels[n] else ORANGE for c in range(10)])
        ax.set(ylim=(0, 1), xticks=range(10), yticks=[0, 1])
axes[0, 1].set_title("T = 1: one answer")
axes[0, 2].set_title("T = 4: what it resembles")
for ax in axes[2, 1:]:
    ax.set_xlabel("digit")

# %% [markdown]
# At $`T = 1`$ the teacher gives its answer more than 99 % on at least half of the images. At $`T = 4`$ the answers are the
# same, and what the image resembles becomes visible. Geoffrey Hinton and his co-authors called it **dark knowledge**: it was
# there all the time, in numbers too small to matter.
#
# ## 2 · What the temperature does, by hand
#
# Take $`z = (4, 2, 0)`$. At $`T = 1`$ the three stand in the ratio $`e^4 : e^2 : 1 = 54.60 : 7.39 : 1`$. At $`T = 2`$ in the
# ratio $`e^2 : e^1 : 1 = 7.39 : 2.72 : 1`$: each ratio has become its square root. So a temperature of $`T`$ takes the
# $`T`$-th root of all ratios. The order stays; a large $`T`$ brings all to $`1/C`$, with $`C`$ classes; a small one leaves
# the largest alone.

# %%
z_hand = np.array([[4.0, 2.0, 0.0]])
p1, p2 = slow_softmax(z_hand, 1)[0], slow_softmax(z_hand, 2)[0]
print("T = 1:", p1.round(3), "  T = 2:", p2.round(3))
assert np.allclose(p1 / p1[2], [54.598, 7.389, 1], atol=1e-3)
assert np.allclose(p2 / p2[2], np.sqrt(p1 / p1[2]))
assert np.allclose(slow_softmax(z_hand, 1e4), 1 / 3, atol=1e-3)
assert np.allclose(slow_softmax(z_hand, 0.1), [[1, 0, 0]], atol=1e-6)

# %% [markdown]
# ## 3 · The loss
#
# The student has two aims: the right answer $`y`$, and the teacher's softened opinion. $`\alpha`$ is the teacher's share. The
# logits are $`z_s`$ and $`z_t`$, and $`p_s, p_t`$ are their softmax *at temperature* $`T`$:
#
# ```math
# L = (1 - \alpha)\; \text{CE}(y, z_s) \;+\; \alpha\, T^2\; \text{KL}(p_t \,\|\, p_s)
# ```
#
# ```math
# \text{KL}(p_t \,\|\, p_s) = \sum_c p_{t,c} \ln \frac{p_{t,c}}{p_{s,c}}
# ```
#
# CE is the cross-entropy with the label, at $`T = 1`$. KL is the *Kullback–Leibler divergence*. It is 0 if both distributions
# are equal, and larger than 0 otherwise. Both parts are means over the images. In slow code:

# %%
def slow_distillation_loss(z_s, z_t, y, T, alpha):
    p_s, p_t, p_hard = slow_softmax(z_s, T), slow_softmax(z_t, T), slow_softmax(z_s, 1)
    hard = soft = 0.0
    for n in range(len(y)):
        hard -= np.log(p_hard[n, y[n]])
        for c in range(z_s.shape[1]):
            soft += p_t[n, c] * np.log(p_t[n, c] / p_s[n, c])
    return ((1 - alpha) * hard + alpha * T**2 * soft) / len(y)

# %% [markdown]
# The library has it in `transfer/nntransfer/distill/logits.py`. By hand: the student is undecided between two classes, the
# teacher's logits are $`(2, 0)`$, and $`T = 2`$, $`\alpha = 1/2`$. Then $`p_s = (\tfrac12, \tfrac12)`$, and $`p_t = (0.731,
# 0.269)`$. The two parts are $`\ln 2 = 0.693`$ and $`4 \cdot 0.111`$, and half of each makes 0.5685.

# %%
from nntransfer import WithTeacher, distillation, distillation_loss

undecided, certain = np.zeros((1, 2)), np.array([[2.0, 0.0]])
by_hand = distillation_loss(undecided, certain, [0], temperature=2.0, alpha=0.5).item()
assert round(by_hand, 4) == round(slow_distillation_loss(undecided, certain, [0], 2.0, 0.5), 4) == 0.5685

rng = np.random.default_rng(0)
z_s, z_t, y = rng.normal(size=(50, 10)) * 3, rng.normal(size=(50, 10)) * 3, rng.integers(0, 10, 50)
for T, alpha in [(1.0, 0.0), (1.0, 1.0), (4.0, 0.9), (20.0, 0.5)]:
    loss = distillation_loss(z_s, z_t, y, temperature=T, alpha=alpha).item()
    assert abs(loss - slow_distillation_loss(z_s, z_t, y, T, alpha)) < 1e-12 * T**2 * 10
print("four settings agree to rounding")

# %% [markdown]
# ## 4 · Why T²?
#
# Differentiate KL. The derivative of softmax with cross-entropy is $`p_s - p_t`$, and $`z_s/T`$ adds a factor $`1/T`$:
#
# ```math
# \frac{\partial\, \text{KL}}{\partial z_s} = \frac{p_s - p_t}{T} \;\approx\; \frac{z_s - z_t}{C\,T^2}
# \quad\text{for a large } T
# ```
#
# where both logits have mean 0. The second step uses $`e^x \approx 1 + x`$: at a large $`T`$ both distributions come close to
# $`1/C`$, and so close to each other. There is the second $`1/T`$. Without $`T^2`$ in the loss, doubling $`T`$ makes the
# teacher's part four times as weak, and you would have to look for a new $`\alpha`$ at each temperature. We let the tape
# differentiate, and look.

# %%
def gradient(z_s, z_t, T, squared=True):
    x = Tensor(z_s, requires_grad=True)
    loss = distillation_loss(x, z_t, np.zeros(len(z_s), int), temperature=T, alpha=1.0)
    (loss if squared else loss / T**2).backward()
    return x.grad * len(z_s)                                     # of each image; the loss is their mean

temperatures = np.geomspace(1, 64, 13)
with_square = [np.linalg.norm(gradient(z_s, z_t, T)) for T in temperatures]
without = [np.linalg.norm(gradient(z_s, z_t, T, squared=False)) for T in temperatures]

T = 64.0
centred = (z_s - z_s.mean(1, keepdims=True)) - (z_t - z_t.mean(1, keepdims=True))
np.testing.assert_allclose(gradient(z_s, z_t, T), centred / 10, atol=0.1)
assert abs(without[-3] / without[-1] - 4) < 0.3                  # from T = 32 to T = 64: a quarter
assert max(with_square) < 2 * min(with_square) and max(without) > 500 * min(without)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="t_squared")  # alt: Gradient length against T: level with the factor T², falling steeply without.
ax.loglog(temperatures, with_square, "o-", color=BLUE, lw=2)
ax.loglog(temperatures, without, "s-", color=ORANGE, lw=2)
ax.text(64, with_square[-1] * 1.35, "with T²", color=BLUE, ha="right")
ax.text(12, 0.018, "without", color=ORANGE, ha="right")
ax.set(title="T² keeps the teacher's voice equally loud", xlabel="temperature  T", ylabel="length of the gradient",
       xticks=[1, 2, 4, 8, 16, 32, 64], xticklabels=[1, 2, 4, 8, 16, 32, 64], xlim=(0.9, 75), ylim=(without[-1] / 2, 60))
ax.minorticks_off()

# %% [markdown]
# One warning. With $`T^2`$ the gradient is $`T\,(p_s - p_t)`$. If a student is sure of one thing and the teacher of another,
# even at temperature $`T`$, this is $`T`$ times as long as the gradient of a label. A learning rate that was just right for
# labels may then be too high.

# %%
sure_student, sure_teacher = np.array([[100.0, 0.0]]), np.array([[0.0, 100.0]])
lengths = [np.linalg.norm(gradient(sure_student, sure_teacher, T)) for T in (1.0, 4.0)]
assert np.allclose(lengths, [np.sqrt(2), 4 * np.sqrt(2)], rtol=1e-6)

# %% [markdown]
# ## 5 · The direction of KL
#
# $`\text{KL}(p_t \| p_s)`$ and $`\text{KL}(p_s \| p_t)`$ are different numbers. Does it matter which of them we take? A
# student that can copy the teacher exactly gets 0 in both. A *small* student cannot, and has to choose which mistake to make.
# Let the teacher's distribution over 40 classes have two peaks, and let the student have one peak: it may choose its place
# and its width.

# %%
c = np.arange(40)
def peak(place, width):
    p = np.exp(-((c - place) ** 2) / (2 * width**2))
    return p / p.sum()

def kl(p, q):
    return (p * np.log(p / q)).sum()

two_peaks = 0.5 * peak(10, 2) + 0.5 * peak(28, 2) + 1e-9
two_peaks /= two_peaks.sum()
students = [peak(place, width) + 1e-9 for place in range(40) for width in np.arange(1.5, 16, 0.5)]
students = [p / p.sum() for p in students]
forward = min(students, key=lambda p_s: kl(two_peaks, p_s))       # KL(p_t ‖ p_s): the loss above
reverse = min(students, key=lambda p_s: kl(p_s, two_peaks))       # KL(p_s ‖ p_t)
assert 18 <= forward.argmax() <= 20 and forward.max() < 0.05      # between the peaks, and wide
assert reverse.argmax() in (10, 28) and reverse.max() > 0.15      # on one of them, and narrow
assert forward[[10, 28]].min() > 0.02 and reverse[[10, 28]].min() < 1e-6

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="direction")  # alt: A teacher with two peaks; one student covers both, the other sits on one.
ax.fill_between(c, two_peaks, color=GREY, alpha=0.35, lw=0)
ax.plot(c, forward, color=BLUE, lw=2)
ax.plot(c, reverse, color=ORANGE, lw=2)
left = reverse.argmax() == 10
ax.text(28 if left else 10, 0.105, "teacher", color=DARK, ha="center")
ax.text(21.5 if left else 16.5, forward.max() + 0.006, "KL(teacher ‖ student)", color=BLUE, ha="center")
ax.text(12 if left else 26, 0.17, "KL(student ‖ teacher)", color=ORANGE, ha="left" if left else "right")
ax.set(title="One covers everything, the other picks a peak", xlabel="class", ylabel="probability",
       ylim=(0, 0.22), xlim=(0, 39));

# %% [markdown]
# Forward KL, with the teacher in front, weighs each class by what the *teacher* gives it. Where the teacher gives something,
# the student must not give nothing: it covers all. Reverse KL weighs by what the *student* gives. Where the student gives
# nothing, nobody asks. Dark knowledge is in the small probabilities beside the peak, so distillation takes the forward one.
#
# ## 6 · A digit that it has never seen
#
# Now the experiment of Hinton, Vinyals and Dean. We take all pictures of a 3 away. The student, one hidden layer of 32
# neurons, sees only the 1,035 others. It gets no labels ($`\alpha = 1`$), only what the teacher says about each. So the
# teacher never *answers* "3", but now and then it says "this 8 is also somewhat like a 3". Can the student recognise the 36
# threes of the test set?

# %% tags=["volatile", "experiment"]
no_threes = digits[digits.labels != 3]
threes = test_digits.labels == 3

def student(seed):
    return models.mlp(in_features=64, hidden=32, seed=seed)

def taught(dataset, seed, teacher, T, alpha, epochs):
    """A student that learns from labels and a teacher; WithTeacher adds its logits to each batch."""
    return descend(student(seed), WithTeacher(batches(dataset, seed), teacher), epochs,
                   loss=distillation(temperature=T, alpha=alpha))

def called_three(model):
    """(how many of the 36 threes are called a 3, how many of the 324 others)"""
    said = train.predict(model, test_loader)[0] == 3
    return int(said[threes].sum()), int(said[~threes].sum())

cold, warm = ([taught(no_threes, seed, teacher, T, 1.0, 20) for seed in range(3)] for T in (1.0, 4.0))
by_labels = descend(student(0), batches(no_threes, 0), 20)
print("called a 3: of the 36 threes, of the 324 others; three students each")
for name, group in (("labels alone", [by_labels]), ("T = 1", cold), ("T = 4", warm)):
    print(f"{name:12}", *map(called_three, group))

# %% tags=["experiment"]
assert len(no_threes) == 1035 and threes.sum() == 36
assert called_three(by_labels) == (0, 0)
assert np.mean([called_three(model) for model in cold], axis=0)[0] < 3
assert np.mean([called_three(model) for model in warm], axis=0)[0] > 12
assert np.mean([called_three(model) for model in warm], axis=0)[1] < 10

# %% [markdown]
# At $`T = 1`$ the student finds next to none: the hints are too small for it to hear. At $`T = 4`$ it recognises more than a
# third of the threes, and few other digits are called a 3. It has put "what an 8 or a 5 resembles a little" together to a
# picture of what it was never shown.
#
# ## 7 · Does a student learn more with a teacher? An honest comparison
#
# The usual advertisement compares a student that had a teacher with nothing. We compare with the same student, same pictures,
# same steps, *labels alone*. First with few pictures: 10 of each digit, three draws. And there is a control: a
# **confused teacher**, which gives the right answer and the very same small numbers, but to the wrong classes. If it helps
# just as much, then softness alone was the point, and there is no knowledge in it.

# %% tags=["volatile", "experiment"]
def confused(images):
    z = teacher(images).copy()
    for row in z:
        others = np.delete(np.arange(10), row.argmax())
        row[others] = np.roll(row[others], 4)
    return z

def few(seed):
    return digits.few(10, rng=seed)

seeds = range(3)
few_pictures = {
    "labels alone": [errors(descend(student(s), batches(few(s), s), 60)) for s in seeds],
    "teacher, T = 1": [errors(taught(few(s), s, teacher, 1.0, 0.9, 60)) for s in seeds],
    "teacher, T = 4": [errors(taught(few(s), s, teacher, 4.0, 0.9, 60)) for s in seeds],
    "confused, T = 4": [errors(taught(few(s), s, confused, 4.0, 0.9, 60)) for s in seeds],
}
beginner = networks[3]
all_pictures = {
    "labels alone": [errors(descend(student(s), batches(digits, s), 20)) for s in seeds],
    "teacher, T = 4": [errors(taught(digits, s, teacher, 4.0, 0.9, 20)) for s in seeds],
    "beginner, T = 4": [errors(taught(digits, s, beginner, 4.0, 0.9, 20)) for s in seeds],
}
print("the beginner itself is wrong on", errors(beginner))
for name, rows in (("100 pictures", few_pictures), ("1,150 pictures", all_pictures)):
    print(f"wrong of 360, learned from {name}")
    for who, counts in rows.items():
        print(f"    {who:16} {counts}")

# %% tags=["experiment"]
mean = {who: np.mean(counts) for who, counts in few_pictures.items()}
assert mean["teacher, T = 4"] < mean["labels alone"] - 6
assert mean["teacher, T = 1"] > max(mean["teacher, T = 4"] + 5, mean["labels alone"] - 4)
assert mean["confused, T = 4"] > mean["teacher, T = 4"] + 4
mean = {who: np.mean(counts) for who, counts in all_pictures.items()}
assert abs(mean["teacher, T = 4"] - mean["labels alone"]) < 6 and errors(beginner) > 2 * mean["labels alone"]
assert mean["beginner, T = 4"] > mean["labels alone"] + 3

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="honest", figsize=(6.4, 4.2))
# alt: Three students each. With 100 pictures the teacher at T = 4 is best; with all it hardly matters, a beginner harms.
rows = [(f"{who}", counts, BLUE if who.startswith("teacher, T = 4") else GREY) for block in (few_pictures, all_pictures)
        for who, counts in block.items()]
places = [7.5, 6.5, 5.5, 4.5, 2.5, 1.5, 0.5]
for place, (_, counts, colour) in zip(places, rows, strict=True):
    ax.plot(counts, [place] * 3, "o", color=colour, ms=8, alpha=0.7)
    ax.plot([np.mean(counts)] * 2, [place - 0.3, place + 0.3], color=colour, lw=3)
ax.text(0.5, 8.15, "learned from 100 pictures", color=DARK, weight="bold")
ax.text(0.5, 3.15, "learned from all 1,150", color=DARK, weight="bold")
ax.set(title="A teacher helps where pictures are few, if it is good",
       xlabel="wrong of 360 (each dot a student, the line their mean)",
       yticks=places, yticklabels=[who for who, *_ in rows], xlim=(0, None), ylim=(-0.1, 8.9));

# %% [markdown]
# With 100 pictures, the teacher at $`T = 4`$ saves the student at least six mistakes of 360, on average. At $`T = 1`$ it
# saves fewer than four: its opinion is then nearly the label. The confused teacher is clearly worse than the right one, so it
# is *what* the small numbers say that helps.
#
# Two things have to be said. The comparison is fair to the pictures, but the teacher has seen all 1,150: some of what these
# taught it reaches the student through the soft outputs. That is the idea of distillation, and not magic. And with all 1,150
# pictures and their labels, **the teacher makes little difference**, less than six of 360: the labels are right, and the
# student can learn them. There a bad teacher does harm. The *beginner* is the same CNN after three epochs. Its student makes
# at least three mistakes more than one who has the labels alone, for nine tenths of what it learns from is the beginner's
# opinion. Measure before you distil.
#
# ## 8 · Four ways to do it wrong
#
# **T² left out.** At $`T = 4`$ the teacher's part is then 16 times as weak, and the label's share, $`1 - \alpha = 0.1`$, is
# all that is left. The student has hardly learned when the time is over.
#
# **Logarithms where probabilities belong.** The code of the article that this project checks (A8) hands the *log*-softmax of
# the teacher to a cross-entropy. Both factors are negative, the loss has no minimum, and training falls for ever. [Lesson
# 11](11_errata.md) lets it run until it diverges; here are 200 steps on the logits of one image.
#
# **The arguments of kl_div.** `F.kl_div(log_q, p)` takes logarithms first and probabilities second, as PyTorch's does. Hand
# it two probabilities and it gives a number without an error. You notice it with two equal distributions: the divergence has
# to be 0.
#
# **A teacher in training mode.** *Dropout* switches neurons off at random while a network is trained. So such a teacher says
# something else about the same picture each time. `WithTeacher` switches it to inference, and back afterwards.

# %% tags=["experiment"]
from nntransfer.articles import cross_entropy_with_log_probabilities


def no_square(z_s, y, z_t):                                      # the order in which fit hands them on
    hard, soft = F.cross_entropy(z_s, y), distillation_loss(z_s, z_t, y, temperature=4.0, alpha=1.0) / 16
    return 0.1 * hard + 0.9 * soft

weak = [errors(descend(student(s), WithTeacher(batches(few(s), s), teacher), 60, loss=no_square)) for s in seeds]
assert np.mean(weak) > np.mean(few_pictures["teacher, T = 4"]) + 10

def run_down(loss, steps):
    z, losses = np.zeros((1, 3), np.float32), []
    for _ in range(steps):
        x = Tensor(z, requires_grad=True)
        value = loss(x)
        value.backward()
        z, losses = z - 0.5 * x.grad, [*losses, value.item()]
    return np.array(losses)

z_one = np.array([[2.0, 0.0, 0.0]], np.float32)
printed = run_down(lambda x: cross_entropy_with_log_probabilities(x, z_one), 200)
accepted = run_down(lambda x: distillation_loss(x, z_one, [0], temperature=1.0, alpha=1.0), 200)
print(f"after 100 and 200 steps: as printed {printed[99]:.0f}, {printed[199]:.0f};"
      f" accepted {abs(accepted[99]):.3f}, {abs(accepted[199]):.3f}")
assert (np.diff(printed) < 0).all() and printed[199] - printed[100] < 0.9 * (printed[100] - printed[1])
assert abs(accepted[199]) < 0.001

p = F.softmax(z_one)
assert F.kl_div(F.log(p), p, reduction="batchmean").item() < 1e-6 < abs(F.kl_div(p, p, reduction="batchmean").item())

# %%
forgetful = models.mlp(in_features=64, hidden=32, dropout=0.5, seed=0)
image = data.prepare(test_digits[:1], "digits")
forgetful.train()
assert (forgetful(image).data != forgetful(image).data).any()     # two opinions about one picture
loader = WithTeacher([(image, labels[:1])], forgetful)
(_, _, once), (_, _, again) = *loader, *loader
assert (once == again).all() and forgetful.training

# %% [markdown]
# ## 9 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write what `WithTeacher` does, as a generator: each batch with the teacher's logits as an array. The teacher has to
# infer, and to be in its old mode when the batch arrives. (A hole of assignment `hw10_distillation`, as are
# `distillation_loss` and its checks.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def with_teacher(loader, teacher):
    """Yield (images, labels, teacher_logits) for each (images, labels) of the loader; the logits are a NumPy array."""
    raise NotImplementedError

def test_with_teacher(f):
    forgetful.train()
    batch = [(image, labels[:1])] * 2
    for (_, y, z), (_, _, want) in zip(f(batch, forgetful), WithTeacher(batch, forgetful), strict=True):
        assert forgetful.training and y is batch[0][1] and isinstance(z, np.ndarray)
        np.testing.assert_array_equal(z, want)

attempt(test_with_teacher, with_teacher)

# %% [markdown]
# **2.** Which temperature? One answer is: the one at which the teacher's opinion is as open as you wish. Find the $`T`$ at
# which the distribution has a given *entropy*, $`H = -\sum_c p_c \ln p_c`$. It grows with $`T`$, so halving an interval is
# enough.

# %%
def temperature_of(z, entropy):
    """The T > 0 at which softmax(z / T) has this entropy, to four digits.   z (C,), 0 < entropy < ln C"""
    raise NotImplementedError

def test_temperature_of(f):
    for row, T in ((z[0], 1.0), (z[1], 4.0), (np.array([1.0, 0.0]), 0.3), (z[2], 60.0)):
        p = slow_softmax(np.float64(row)[None], T)[0]
        assert abs(f(np.float64(row), -(p * np.log(p)).sum()) / T - 1) < 1e-3

attempt(test_temperature_of, temperature_of)

# %% [markdown]
# **3.** Several teachers. Their *probabilities* should be averaged, but the loss takes logits. Find logits whose softmax is
# the mean of the teachers' probabilities at $`T = 1`$. Large logits must not overflow.

# %%
def together(logits):
    """Logits (N, C) with softmax(result) = the mean of the softmax of each.   logits: a list of arrays (N, C)"""
    raise NotImplementedError

def test_together(f):
    parts = [z_s, z_t, z_s[::-1] * 2]
    want = np.mean([slow_softmax(part, 1) for part in parts], axis=0)
    np.testing.assert_allclose(slow_softmax(f(parts), 1), want, atol=1e-9)
    large = f([np.array([[2000.0, 0.0]]), np.array([[0.0, 2000.0]])])
    np.testing.assert_allclose(slow_softmax(large, 1), [[0.5, 0.5]])

attempt(test_together, together)

# %% [markdown]
# ## What to keep
#
# * A temperature takes the $`T`$-th root of all ratios, so that small probabilities become visible to the loss.
# * $`T^2`$ makes up for a gradient that shrinks as $`1/T^2`$. With it, $`\alpha`$ means the same at every temperature.
# * $`\text{KL}(p_t \| p_s)`$, the teacher in front: the student has to cover all that the teacher considers possible.
# * A teacher is worth most where the student has few pictures, and only if it is good. Compare with the same student without
#   it, over several seeds.
#
# Sources: Hinton, Vinyals & Dean 2015, [arXiv 1503.02531](https://arxiv.org/abs/1503.02531), §2 and §3. The paper's table:
# [on MNIST](papers/hinton.md). Next: [10, fine-tuning](10_finetuning.md).
