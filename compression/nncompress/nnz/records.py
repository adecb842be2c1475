"""Writing and reading the bytes of a file, with a ledger of what they are spent on.

Numbers are varints: seven bits a byte, the low ones first, the top bit set on all but the last. Small numbers, and nearly
all numbers of a header are small, take one byte.
"""


import numpy as np

from nncompress.coding.streams import decode_stream, encode_stream, split_stream, stream_budget
from nnlite.errors import FormatError

LARGEST_VARINT = 2**63 - 1


class Writer:
    """Collects bytes; every write says which part of the budget it belongs to."""

    def __init__(self):
        self.data = bytearray()

    def varint(self, value):
        """One whole number ≥ 0."""
        value = int(value)
        while value >= 128:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def stream(self, symbols, alphabet):
        """An entropy-coded stream of symbols."""
        self.data += encode_stream(symbols, alphabet)


class Reader:
    """Reads what Writer wrote, and the texts and arrays of version 1, never past the end.   spent: {part: bits read so far}.

    Errors: FormatError that names the file and the byte, for whatever does not fit.
    """

    def __init__(self, data, name):
        self.data, self.name, self.at, self.spent = memoryview(data), name, 0, {}

    def fail(self, what):
        """Raise a FormatError that names the file and the byte; `what` says what is wrong there."""
        raise FormatError(f"{self.name}: at byte {self.at}: {what}")

    def take(self, count, part):
        """The next `count` bytes."""
        if count > len(self.data) - self.at:
            self.fail(f"{count} bytes of {part} are expected, {len(self.data) - self.at} are left")
        taken = self.data[self.at : self.at + count]
        self.at += count
        self.spend(part, 8 * count)
        return taken

    def spend(self, part, bits):
        """Count bits as this part of the file."""
        self.spent[part] = self.spent.get(part, 0) + bits

    def varint(self, what, limit=LARGEST_VARINT):
        """One whole number, at most `limit`."""
        value = shift = 0
        while True:
            byte = self.take(1, "header")[0]
            value |= (byte & 127) << shift
            shift += 7
            if value > limit:
                self.fail(f"{what} is more than {limit}")
            if byte < 128:
                return value
            if shift > 63:
                self.fail(f"{what} takes more than 63 bits")

    def text(self):
        """A name: its length in bytes, at most 255, then UTF-8."""
        try:
            return bytes(self.take(self.varint("the length of a name", 255), "header")).decode()
        except UnicodeDecodeError:
            self.fail("a name is not UTF-8")

    def array(self, count, dtype, part):
        """`count` little-endian numbers, as an array of this dtype."""
        dtype = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(self.take(count * dtype.itemsize, part), dtype).astype(dtype.newbyteorder("="))

    def stream(self, count, alphabet, part):
        """`count` symbols of a stream. Its code table is counted as "codebooks", its codes as `part`."""
        try:
            stream = bytes(split_stream(self.data[self.at :])[0])
            symbols = decode_stream(stream, count, alphabet)
            budget = stream_budget(stream, count, alphabet)
        except FormatError as error:
            self.fail(str(error))
        self.at += len(stream)
        for name, bits in (("header", budget.header), ("codebooks", budget.table), (part, budget.payload),
                           ("padding", budget.padding)):
            self.spend(name, bits)
        return symbols
