"""
`upper-circuit doctor`: what is wrong with a cluster or an installation, and which value or command helps.

A chart can refuse values, but not a cluster; and a pod can say what it lacks, but only once it is there. So this looks
at both from outside, before and after. Looking and judging are apart: collectors fill frozen facts, and plain functions
make findings of them.
"""
