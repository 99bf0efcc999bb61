"""One file a kind of accelerator; each has `KIND`, the record by which all else knows it."""
