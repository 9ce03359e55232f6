"""Who may do what: roles, API keys, tokens, and the audit trail."""
