"""What is true about stock: items, their events, and the rules that refuse a transaction."""
