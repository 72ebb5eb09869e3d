"""The parsers of exchange files."""
