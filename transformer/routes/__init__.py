"""What FastAPI serves: everything that is not hot, and the documentation of all of it."""
