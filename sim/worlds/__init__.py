"""One file a world; ``sim.catalog`` lists them."""
