"""Native pass-through: requests in a vendor's own words, sent on with the gateway's credential.

Nothing here is loaded before the first such request. `table` knows what is served under which prefix, `requests` makes
what a provider gets out of what a client sent, `passing` carries one call there and back.
"""
