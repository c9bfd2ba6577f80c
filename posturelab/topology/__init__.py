"""What a lab is made of, as its YAML file declares it."""
