"""How the schema moves: whose files, what the database has of them, and how they are run."""
