"""Anthropic's Messages API and chat completions, each as the other.

Pure functions and state on dicts, apart from HTTP. Every host of Claude speaks this format: Anthropic itself, Bedrock,
Vertex AI; what differs between them is in `hosts`. A provider says `chat_to_anthropic` to build a request,
`parse_message` and `AnthropicStreamDecoder` (or `MessageStream`, for another framing) to read its answer, and
`parse_error`.
"""
