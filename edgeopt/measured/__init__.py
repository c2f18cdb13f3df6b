"""What others measured: places of base stations and users, traces of requests, load times; from files or as figures."""
