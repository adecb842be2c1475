"""Calibration: run real inputs through the model, and watch each activation.

Source: Krishnamoorthi 2018 (arXiv 1806.08342), §2.5 and §3.1.2.
"""

import numpy as np

from nncompress.quantization.affine import check_finite
from nnlite.data.dataset import Dataset
from nnlite.tensor import Tensor


def calibration_batches(calibration):
    """The calibration's images, batch by batch, as float32; batches without images are left out -> a list of arrays.

    calibration: as `quantize` takes it.   ValueError for no images at all, integers, or images of different shapes.
    """
    batches = list(_batches(calibration))
    if not batches:
        raise ValueError("quantize: calibration holds no images; some hundred training images do")
    return batches


def _batches(calibration):
    if isinstance(calibration, Dataset):
        calibration = calibration.images
    if isinstance(calibration, (np.ndarray, Tensor)):
        images = _array(calibration)
        calibration = [images[i : i + 256] for i in range(0, len(images), 256)]
    shape = None
    for batch in calibration:
        images = _array(batch[0] if isinstance(batch, (tuple, list)) else batch)
        if images.dtype.kind != "f":
            raise ValueError(f"quantize: calibration holds {images.dtype}, expects floats as the model takes them")
        shape = images.shape[1:] if shape is None else shape
        if images.shape[1:] != shape:
            raise ValueError(f"quantize: a calibration batch has images of shape {images.shape[1:]}, the first one {shape}")
        if len(images):
            yield images.astype(np.float32, copy=False)


def _array(images):
    return images.data if isinstance(images, Tensor) else np.asarray(images)


def watch(plan, batches, observers, moments):
    """Run the batches through a float32 plan. Each observer sees the result of its step, each `InputMoments` the input.

    observers, moments: lists with one entry for each step of the plan, which may be None.
    Errors: ValueError for NaN or infinity in a batch.
    """
    for batch in batches:
        check_finite("quantize: calibration", batch)
        results = plan.run(batch)
        for step, result, observer, inputs in zip(plan.steps, results, observers, moments, strict=True):
            if observer is not None:
                observer.observe(result)
            if inputs is not None:
                inputs.observe(results[step.inputs[0]])
