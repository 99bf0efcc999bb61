"""Requirements as packages publish them."""
