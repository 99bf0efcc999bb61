"""One environment: what it is made from, what it holds, whether it is still as it was built."""
