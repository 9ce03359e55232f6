"""Access control: roles, API keys, tokens, and the audit trail."""
