"""Source trees: which files of a folder or a commit a build reads, their digest, and copies of them."""
