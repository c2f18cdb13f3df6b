"""Measurements of others: places of base stations and users, traces of requests, and load times.

They are read from files or drawn from published statistics.
"""
