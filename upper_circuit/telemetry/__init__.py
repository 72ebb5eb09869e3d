"""
What the programs say about themselves while they run.

A request goes through two programs and a run through many pods, and whoever looks for one of them at night has a single
id and a single search. If each program named its metrics, fields and ids for itself, that search would end at the next
process. So the words are here, once; what is counted or logged is decided where it happens. Importing any of it starts
nothing: a program asks for its logs and its metrics.

    correlation   the id of a request, checked when it comes from outside
    logs          one JSON object a line, without secrets
    metrics       every metric's name, and how the values of several processes add up
"""
