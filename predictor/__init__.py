"""
The predictor: knows the models, answers rows of features with probabilities, and knows nothing else.

    __main__      reads settings, sets up logs, serves until told to stop
    app           puts the parts together
    keeper        is there a model, is one on its way, why is there none
    scoring       a request's bytes to an answer's bytes, off the event loop
    fast          the thin path in front of KServe's app for the one hot route
    routes        everything else that KServe's app lacks or answers otherwise
    serving       the only file that imports kserve
"""
