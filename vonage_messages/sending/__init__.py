"""Many messages: queues that keep to every limit, and policies for what is sent instead."""
