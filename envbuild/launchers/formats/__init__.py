"""One file a format; each has `FORMAT`, the record by which `envbuild export` and its documentation know it."""
