"""Google's generateContent format: chat bodies into its requests, and its answers into chat answers.

Pure functions on dicts, for both hosts of it: AI Studio (the Gemini API) and Vertex AI.

    request     a chat body as a generateContent body
    contents    its messages; media, tools, schema, config, thinking: the parts of it
    response    a generateContent answer as a chat completion
    stream      the same for a stream; framing: the two ways in which streams come
    grounding, usage, errors, logprobs: the parts of answers
    embeddings, images, speech: what else the models make
    operations  all of these by operation, for providers
    models      what differs between models
    members     the spelling of members

Google's JSON takes member names in camelCase and in snake_case alike. What is sent has camelCase, as Google documents
it; what a caller writes is read in both.
"""
