"""What launchers read: one file a format in `formats/`; files that exist, read and written."""
