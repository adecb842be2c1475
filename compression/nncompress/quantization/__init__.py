"""Quantization: real numbers as small integers.

Read in this order:
    affine            q = round(r/S) + Z, and how S and Z are chosen
    observers         the range of each activation, from its values on examples
    calibration       the examples that the observers see
    weights           the weights and biases of a layer as integers
    input_moments     the mean and the products of a layer's inputs
    rounding          which integer each weight becomes
    bias_correction   a new bias, with which a layer's mean output stays what it was
    equalization      channels of equal ranges, so that one scale serves all of them
    post_training     a trained network becomes one that computes in integers: `nncompress.quantize`
    mixed             bits for each layer, under a budget of bytes
    fake              floats that take only the values of integers, with a gradient
    qat               training with the rounding, then the same integers as a plan
    learned           grids that training chooses: LSQ's step, PACT's upper end
    binary            weights of two or three values
    clusters          k values for the weights of a layer, by k-means
    sharing           training of these values
    epr               training with a price for the bits of the weights
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "affine": ["affine_parameters", "dequantize", "quantize_affine", "round_scaled", "symmetric_scale"],
    "bias_correction": ["corrected_bias"],
    "binary": ["Binary", "Ternary"],
    "clusters": ["codebook_gradient", "kmeans", "look_up"],
    "epr": ["EntropyPenalised", "bits_per_weight", "logistic_bits", "penalise_entropy", "weight_bits"],
    "equalization": ["equalize"],
    "fake": ["ActivationGrid", "WeightGrid", "fake_quantize", "power_of_two"],
    "input_moments": ["InputMoments"],
    "learned": ["LearnedStep", "PACT"],
    "mixed": ["bit_sensitivity", "bits_for_budget"],
    "qat": ["convert", "prepare_qat"],
    "sharing": ["SharedWeight", "share_weights"],
    "weights": ["grid_step", "quantize_bias", "weight_scales"],
}, rooms=("observers", "rounding"))
