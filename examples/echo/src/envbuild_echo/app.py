"""The application: `GET /health`, and `POST /echo` with a text."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel, Field

LONGEST = 10_000
"""The most characters of a text."""

app = FastAPI(title="echo")


class Message(BaseModel):
    """What comes and goes."""

    text: str = Field(max_length=LONGEST)


@app.get("/health")
def health() -> dict[str, str]:
    """Whether the service is up."""
    return {"status": "ok"}


@app.post("/echo")
def echo(message: Message) -> Message:
    """The same message; 422 if it has no text, or one that is too long."""
    return message
