"""Any table, column by column."""
