"""A market's bars: what they are, what is wrong with them, longer ones made of them, and steps at work along them."""
