"""
The provider that needs no network and no key: dictionary look-ups, rules and typographic cards. No AI.

`model` is light and says what the provider can do; `text` and `cards` do it and load what they need.
"""
