"""Architecture families, one file each, and modules that run or simplify them."""
