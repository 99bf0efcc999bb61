"""What people have already → drivers to begin with; one file a format, nothing here touches the disk."""
