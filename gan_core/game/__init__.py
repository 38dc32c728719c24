"""The game of two players in the plane: a GAN small enough to watch, in torch.

The page "The game" plays the same game in JavaScript (explorer/components/game_*.js); with equal
settings and seeds both draw the same weights, latents and data, and take the same steps.
"""
