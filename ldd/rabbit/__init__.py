"""The link over RabbitMQ: the only place that knows the library behind it."""
