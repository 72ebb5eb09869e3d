"""
Whether a canary is worth the desk's trust.

A model that answers in time may still rank badly, and one that ranks well may fail two requests in a hundred. What is
known about both is put beside limits that were set before anybody looked, and the answer may be that too little is
known. Nothing here asks a server or a database: evidence comes in, a verdict goes out, and the same evidence always
gives the same verdict.
"""
