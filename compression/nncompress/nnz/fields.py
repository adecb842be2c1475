"""The fields of a file: the same calls write them and read them.

    kind = fields.choice(kind, KINDS)       writes `kind`; or, with data, reads it, whatever is passed in

All fields go through one arithmetic coder (`nncompress.coding.arithmetic`), so no field is rounded up to a byte. A header
consists of answers to yes-or-no questions, one bit each, and of whole numbers in Elias's γ code.
"""

import numpy as np

from nncompress.coding.arithmetic import AT, Coder, code_bytes
from nncompress.nnz.inspection import PARTS
from nnlite.errors import FormatError

LARGEST_NUMBER = 2**31 - 2


class Fields:
    """Writes fields; with `data`, the bytes of a file, it reads them.   name: begins every error message.

    version: of the format; it decides which fields there are.

    Each method takes a value and returns it. A reader ignores the value that it is given, and returns the one that it reads.
    Errors: FormatError that names the file and the byte, for a value beyond its limit, written or read.
    """

    def __init__(self, name, data=None, version=2):
        self.name, self.coder, self.version = name, Coder(data, parts=len(PARTS)), version
        self.reads = self.coder.decodes
        self.coder.spend_on(PARTS.index("header"))

    def fail(self, what):
        """Raise a FormatError that names the file and the byte; `what` says what is wrong there."""
        raise FormatError(f"{self.name}: near byte {int(self.coder.tape.state[AT])}: {what}")

    def spend_on(self, part):
        """Count the bits of the next fields as `part`, one of PARTS."""
        self.coder.spend_on(PARTS.index(part))

    @property
    def spent(self):
        """{part: bits that the fields so far have taken}."""
        return dict(zip(PARTS, self.coder.tape.bits.tolist(), strict=True))

    def call(self, what, code, *arguments):
        """Call code(coder, *arguments). A FormatError of it is raised again with the file's name, the byte, and `what`."""
        try:
            code(self.coder, *arguments)
        except FormatError as error:
            self.fail(f"{what}: {error}")

    def check_end(self):
        """FormatError if the reader has gone past the end of the file, or has not reached it."""
        self.call("the end", Coder.check_end)

    def flag(self, value):
        """True or False: one bit."""
        return bool(self.coder.bit(bool(value)))

    def choice(self, value, values, width):
        """One of `values`, stored as its place among them, in `width` bits."""
        place = self.coder.number(0 if self.reads else values.index(value), width)
        if place >= len(values):
            self.fail(f"choice {place} of {len(values)}")
        return values[place]

    def number(self, value, what, limit=LARGEST_NUMBER):
        """A whole number from 0 to `limit`, as Elias's γ code of value + 1: 2 ⌊log2(value + 1)⌋ + 1 bits."""
        width = 1
        while self.flag(value + 1 >> width):
            width += 1
            if width > 31:
                self.fail(f"{what} is more than {limit}")
        value = (1 << width - 1 | self.coder.number(value + 1 & (1 << width - 1) - 1, width - 1)) - 1
        if value > limit:
            self.fail(f"{what} is more than {limit}")
        return value

    def pair(self, value, usual, what, limit):
        """Two whole numbers: one bit where they are `usual`."""
        if self.flag(tuple(value) == tuple(usual)):
            return tuple(usual)
        return tuple(self.number(n, what, limit) for n in value)

    def scale(self, S, what):
        """A positive float32, whose mantissa takes as many bits as it needs.

            S = (1 + m / 2^L) 2^(E − 127)        m < 2^L, odd; L = 0 and m = 0 if S is a power of two

        Stored are: one bit that says whether 2^−15 ≤ S < 2; E in 4 bits if so, else in 8; L in 5 bits; m in L − 1 bits, because
        its last bit is 1. So 1/64 takes 10 bits, 5/64 takes 11, any float16 near 1 at most 19, any other float32 36 or fewer.
        """
        self._check_scale(S, what)
        raw = int(np.float32(S).view(np.uint32))
        E, m = raw >> 23, raw & (1 << 23) - 1
        L = 23 - ((m & -m).bit_length() - 1) if m else 0
        near = self.flag(112 <= E < 128)
        E = 112 + self.coder.number(E - 112 & 15, 4) if near else self.coder.number(E & 255, 8)
        L = self.coder.number(L, 5)
        if L > 23:
            self.fail(f"{what} has a mantissa of {L} bits")
        if L:
            m = (self.coder.number(m >> 24 - L, L - 1) << 1 | 1) << 23 - L
        S = np.uint32(E << 23 | (m if L else 0)).view(np.float32)
        self._check_scale(S, what)
        return S

    def _check_scale(self, S, what):
        if not (np.isfinite(S) and S > 0):
            self.fail(f"{what} is {S}; it has to be finite and above 0")

    def text(self, text, what):
        """A text of at most 255 bytes: its length, then its bytes in UTF-8."""
        try:
            return self.data(text.encode(), f"the length of {what}", 255).decode()
        except UnicodeError:  # of encode, or of decode
            self.fail(f"{what} is not UTF-8")

    def data(self, data, what, limit):
        """At most `limit` bytes: how many there are, then the bytes."""
        count = self.number(len(data), what, limit)
        array = np.array(bytearray(count if self.reads else data), np.uint8)
        self.coder.reserve(8 * count)
        code_bytes(self.coder.tape, array)
        if self.coder.past_the_end():
            self.fail(f"{count} bytes are expected, the file ends")
        return array.tobytes()
