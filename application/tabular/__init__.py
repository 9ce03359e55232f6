"""CSV files, as spreadsheets of all countries write them: read in bounded memory, and written."""
