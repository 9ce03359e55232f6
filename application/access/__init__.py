"""Who may do what: roles, keys, tokens, and the trail that they leave."""
