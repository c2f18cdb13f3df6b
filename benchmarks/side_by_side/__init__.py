"""What a user would pick instead of edgeopt: textbook formulations on stock tools, beside `auto` and `exact`."""
