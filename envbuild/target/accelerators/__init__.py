"""One file for each kind of accelerator; its `KIND` is the record that everything else uses."""
