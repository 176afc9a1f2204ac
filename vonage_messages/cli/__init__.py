"""The command line ``vonage-messages``: one module for each subcommand, arguments in, a table or a line out."""
