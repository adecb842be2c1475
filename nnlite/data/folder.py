"""A folder of images, with a folder for each class: `shapes/circle/1.png`, `shapes/square/a.jpg`, … .

Images are read with Pillow (`pip install 'nnlite[images]'`). All have the same size, and all are grey or all are in colour.
"""

import numpy as np

from nnlite.errors import FormatError

ENDINGS = (".png", ".jpg", ".jpeg")
MOST_PIXELS = 2**24  # of one image
PLAIN = {"1": "L", "L": "L", "RGB": "RGB"}  # Pillow's modes -> what they are read as


def read_folder(path):
    """[(images uint8 (N, C, H, W), labels)] of a folder of images; the labels are the names of the inner folders.

    C is 1 for grey images and 3 for colour. Names that begin with a dot are skipped.
    Errors: FormatError for a file that is not a .png or .jpg image, a damaged image, one of another size or number of
    channels than the first, transparent pixels, 16 bits a pixel, and a folder with no images.
    """
    classes = [entry for entry in _visible(path) if entry.is_dir()]
    if not classes:
        raise FormatError(f"{path}: no folders in it, expected one for each class, with its images")
    images, labels, first = [], [], None
    for folder in classes:
        files = _visible(folder)
        if not files:
            raise FormatError(f"{folder}: no images in it (.png, .jpg)")
        for file in files:
            image = read_image(file)
            first = first or (file, image.shape)
            if image.shape != first[1]:
                raise FormatError(f"{file} is {_described(image.shape)}, {first[0]} is {_described(first[1])}; "
                                  "all images need one size and one number of channels")
            images.append(image)
            labels.append(folder.name)
    return [(np.stack(images), np.array(labels))]


def read_image(path):
    """One .png or .jpg image as uint8 (C, H, W).   Errors: FormatError, FileNotFoundError, OSError."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise FormatError(f"{path}: images are read with Pillow, which is missing: pip install pillow") from None
    if path.suffix.lower() not in ENDINGS:
        raise FormatError(f"{path} is not an image (.png, .jpg)" + (", but a folder" if path.is_dir() else ""))
    with open(path, "rb") as stream:
        try:
            with Image.open(stream, formats=("PNG", "JPEG")) as image:
                return _pixels(path, image, ImageOps)
        except FormatError:
            raise
        except Exception as error:  # Pillow raises whatever its decoders meet
            raise FormatError(f"{path}: not a .png or .jpg image that can be read: {type(error).__name__}") from None


def _pixels(path, image, ImageOps):
    if image.width * image.height > MOST_PIXELS:
        raise FormatError(f"{path} has {image.width}×{image.height} pixels, at most {MOST_PIXELS:,} are read")
    if image.mode.startswith(("I", "F")):
        raise FormatError(f"{path} has more than 8 bits a pixel; give its numbers in a .npz file")
    image = ImageOps.exif_transpose(image)  # a phone's picture, the right way up
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            raise FormatError(f"{path} has transparent pixels; lay the image on a background")
    pixels = np.asarray(image.convert(PLAIN.get(image.mode, "RGB")))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _described(shape):
    C, H, W = shape
    return f"{'grey' if C == 1 else 'in colour'} of {H}×{W} pixels"


def _visible(folder):
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
