"""
What a careful and what a hurried engineer would build on the KServe SDK, for comparison.

    xgbserver           the predictor of both: what the stock XGBoost server of KServe does with a request
    stock_numpy         features of one stock: two indexed queries, TA-Lib, numpy
    stock_pandas        features of one stock: two queries through pandas
    transformer         a kserve.Model in front of either, with the SDK's own hop to the predictor

None is slowed on purpose: 13 of the 25 features lie ready in a table for them, the careful one has TA-Lib, and neither
adjusts prices, checks requests, counts callers or explains itself.
"""
