"""Bytecode: compiled once for each wheel and interpreter, kept, and linked."""
