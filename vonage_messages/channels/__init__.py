"""What you can say, one module per channel. Strict about what the reference refuses; knows no JSON and no HTTP."""
