"""
The morning run: the whole market scored before it opens, once, whatever dies on the way.

Nobody is awake to mend a list at 07:00, and half of one looks like a whole one. So the shards of a run agree on one plan,
write only while nobody has taken their place, and may be started again at any point: a shard that was scored twice leaves
what one leaves that was scored once.

    __main__, exits         what a command line or a Job asks for, and what went wrong as an exit code
    morning                 what is decided once: which run of which date, over which market
    running                 a process's part of it up to the list, the same on a laptop and in a pod
    universe                whom to score, as one state of the database has them
    plan, agreement         what a run has agreed on, and how its shards come to agree
    shard, extraction       one part of the market: from the plan to its features, in several processes
    model, scoring          which version answers, and what it says
    ledger, attempting      who may write, and how each attempt ended
    store, publishing       the rows, and what is made of them once the last shard is done
    report, files, telling  what people read, where it lies, and who hears of it
    sweep, outcomes         afterwards: runs that nobody finished, and whether the stocks locked
    predictor               the same from Python, step by step
"""
