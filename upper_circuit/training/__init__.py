"""
How a model is made of past mornings, and how far it may be believed.

A model of rare events looks good by accident: split at random, filled with medians of a later day, asked only about the
stocks that were easy to label. So time runs one way here, every row is made by the functions that serve, whatever has
no answer is left out and counted, and a result that is too good is called a leak. Nothing here serves; what serving
needs to know of a model goes into its manifest.

    label                       did the stock lock within its next bars, or can nobody say
    split, dataset              which mornings, and their rows
    fit                         the forest, the same bytes from the same rows
    measures, evaluate, gates   how good it is, for whom, and what it must reach
    facts                       what the manifest says of it
    report, page, plots         the same for people; `figures` words it once for all of them
    train                       all of it in one go, up to a published version
"""
