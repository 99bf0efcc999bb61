"""The formats that launchers read, one file each in `formats/`."""
