"""The chart: what Helm makes of it, as data."""
