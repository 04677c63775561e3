"""The dialects that clients speak, to the normal form and back: Anthropic's Messages, OpenAI's Responses, and so on.

Each is a folder of its own with `request` (dialect to chat), `response` (chat answer to dialect) and `stream` (chat
chunks to the dialect's events). All of it is pure.
"""
