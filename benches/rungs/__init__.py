"""The rungs of the ladder, in the order in which one would think of them."""
