"""`doctor`: what about this installation would break a promise, as findings with stable ids.

Each subject has facts, gathered from the real thing within a deadline, and a pure function from
facts to findings, which tests also feed with facts of servers that can't be had (RDS, Aurora).
"""
