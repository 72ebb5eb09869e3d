"""What the product costs, measured beside what others would have built, in one run on one machine."""
