"""What a store keeps so that it need not be made again: unpacked wheels, and their bytecode."""
