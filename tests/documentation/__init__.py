"""Pages whose commands are typed, and what every page keeps."""
