"""Many users at once: what a trading desk's morning does to the pair."""
