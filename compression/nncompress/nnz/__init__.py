"""The `.nnz` file: a quantized network, and where its bytes go.

Read in this order:
    file          the layout of a file; `save`, `load` and `inspect`
    fields        how one field is written and read, by the same call
    architecture  the fields of a step: kind, name, inputs, options, sizes
    layers        the arrays of a layer: scales, biases, weights
    names         the names of the classes and the normalization of the images, in files of versions 3 and 4
    live          which units stay in the file, and in which order
    inspection    what a file holds, as a table
    records       bytes, varints and streams, as version 1 and the other forms of weights use them
    weights       the weights of a layer without the arithmetic code: fixed width, Huffman, relative index
    version1      reads files of version 1
"""
