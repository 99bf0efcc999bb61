"""One file for each format; its `FORMAT` is the record for `envbuild export` and the documentation."""
