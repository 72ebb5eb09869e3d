"""The product on a real cluster: installed, run, broken and mended as its users would."""
