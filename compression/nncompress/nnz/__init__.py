"""The `.nnz` file format; see `nncompress.nnz.file` for its layout."""
