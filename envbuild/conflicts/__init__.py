"""Whether drivers could share one interpreter, and the proof where they cannot; lockfiles in, values out."""
