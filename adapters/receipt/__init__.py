"""What an adaptation leaves behind: the receipt, the report for people, and what transfer was worth."""
