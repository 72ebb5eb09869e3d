"""Commands of people, apart from what they talk to."""
