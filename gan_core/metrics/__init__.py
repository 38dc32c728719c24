"""Sample quality and memorisation: pure functions and the reports made from them."""
