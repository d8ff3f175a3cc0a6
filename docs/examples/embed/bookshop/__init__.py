"""Lantern Books: a shop with two branches, its own staff and its own pages."""

from dotenv import load_dotenv

load_dotenv()  # for the web process and the workers alike
