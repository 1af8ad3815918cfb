"""Train variants of methods on scenes with several seeds, judge them on the same held-out views, and compare them."""
