"""What the market is made of, part by part."""
