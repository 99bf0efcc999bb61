"""The store: environments, generations, their records, and what is removed."""
