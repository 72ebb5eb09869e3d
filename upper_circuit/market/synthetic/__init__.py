"""A synthetic market for demonstrations, tests and benchmarks: files like a user's own, made from a seed."""

from upper_circuit.market.synthetic.generator import SyntheticMarket, generate

__all__ = ["SyntheticMarket", "generate"]
