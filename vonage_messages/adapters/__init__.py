"""One module per framework: it turns a request of the framework into a call of ours, and holds no logic."""
