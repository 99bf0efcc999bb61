"""A service of a few lines."""

import click


@click.command()
@click.argument("name")
def main(name: str) -> None:
    """Greet somebody."""
    click.echo(f"Hello, {name}!")
