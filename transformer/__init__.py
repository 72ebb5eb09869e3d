"""The program that knows the market: the users' API, and the features of a stock as of a morning."""
