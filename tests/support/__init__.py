"""What tests build on: wheels, index servers, faults, and the real command line."""
