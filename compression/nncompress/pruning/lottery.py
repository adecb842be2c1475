"""Lottery tickets: the pruned network, trained again from the weights that it had in the beginning; and its controls.

    def train_it(masks):
        loader = DataLoader(digits, 60, shuffle=True, seed=1, transform=preparation)    # the same batches in each round
        return fit(model, loader, optim.Adam(model.parameters(), lr=1.2e-3), epochs=20, after_step=masks.apply)

    start = model.state_dict()
    rounds = find_tickets(model, train_it, rounds=10, fraction={"fc1.weight": 0.2, "fc2.weight": 0.2, "fc3.weight": 0.1})
    ticket = rounds[-1].masks
    again = train_from(ticket, start, train_it)                                        # the ticket
    other = train_from(ticket, models.lenet_300_100(seed=7).state_dict(), train_it)    # control: its structure, other weights
    random = train_from(shuffled_masks(ticket, 0), start, train_it)                    # control: its counts in other places

A ticket has won if it reaches the whole network's accuracy in no more steps. Without the first control, nothing shows
that the first weights matter.
"""

import numpy as np

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.masks import Masks
from nncompress.pruning.rounds import Round, check_rounds, prune_remaining


def find_tickets(model, train, *, rounds, fraction=0.2, criterion=magnitude_scores, scope="layer"):
    """Train, prune, go back to the first weights, and again -> list of Round: number 0 is the whole network.

        θ_r = train(m_r ⊙ θ_k)          m_{r+1} keeps all but the fraction p of lowest |θ_r| that m_r keeps

    The weights to go back to, θ_k, are those that the model has at the call. Untrained, they are θ_0. To go back to step k,
    train the model for k steps before the call ("late rewinding", for larger networks).

    model       in the end it has the trained weights of the last round
    train       train(masks) trains the model from its present weights, keeps the masks, and returns a history. It should make
                its optimizer and its loader anew, so that each round sees the same batches. Round 0 has masks that keep all
    rounds      how often to prune, from 1 up
    fraction, criterion, scope   as in `prune_remaining`; the paper's for LeNet-300-100: 0.2, and 0.1 for the output layer

    Buffers (BatchNorm's statistics) go back along with the weights.
    Errors: as `prune_remaining`; ValueError for rounds below 1.
    Source: Frankle & Carbin 2019 (arXiv 1803.03635), §1, with random reinitialisation as the control in §2; late rewinding:
    Frankle et al. 2020 (arXiv 1912.05671), algorithm 2.
    """
    check_rounds("find_tickets", rounds)
    start = model.state_dict()
    masks = prune_remaining(Masks(model, {}), 0)
    done = [Round(0, masks, masks.count, train_from(masks, start, train))]
    for number in range(1, rounds + 1):
        masks = prune_remaining(masks, fraction, criterion, scope=scope)
        done.append(Round(number, masks, masks.count, train_from(masks, start, train)))
    return done


def train_from(masks, weights, train):
    """Give the masks' model these weights, remove what the masks remove, and train it -> the history.

    masks: Masks.   weights: as `state_dict` gives them.   train: train(masks) -> history.
    Errors: ValueError for weights of another model.
    """
    masks.model.load_state_dict(weights)
    masks.apply()
    history = train(masks)
    masks.apply()
    return history


def shuffled_masks(masks, rng):
    """Masks that keep as many weights of each layer, drawn at random: the control for the structure.

    masks: Masks.   rng: Generator or seed -> Masks.   Source: Frankle & Carbin 2019 (arXiv 1803.03635), figure 1, the dashed
    lines.
    """
    rng = np.random.default_rng(rng)
    return Masks(masks.model, {name: rng.permutation(mask.reshape(-1)).reshape(mask.shape) for name, mask in masks.items()})
