"""How often the judge is wrong: canaries of known quality, made from trained models, judged by the hundred."""
