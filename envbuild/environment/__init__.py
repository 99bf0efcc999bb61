"""One environment: what it is made from, what it has, whether it is still as it was built."""
