"""What a resolution gives, and which pins it starts from."""
