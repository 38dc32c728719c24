"""Architecture families, one file each, and what runs or simplifies them."""
