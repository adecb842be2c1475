"""Entropy coding: arrays of small integers in, bytes out; nothing here knows about models.

Read in this order:
    bits      fields of a fixed width, packed without gaps
    sparse    mostly-zero arrays as gaps and values (Deep Compression, figure 2)
    huffman   frequent symbols get short codes
    streams   one array as one self-describing run of bytes, by the shorter of bits and huffman
"""
