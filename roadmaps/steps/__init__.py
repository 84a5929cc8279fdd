"""How pieces of model work get done: claimed as rows, called without a connection, stored in one transaction."""
