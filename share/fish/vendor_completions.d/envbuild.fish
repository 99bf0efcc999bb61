# Completion of envbuild in fish.
envbuild completion fish | source
