"""Long searches for what the tests did not think of; run by hand or at night."""
