"""Parsing of client input into transactions and items of the domain, or into rejections."""
