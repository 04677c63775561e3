"""TLS settings: who is trusted, and with which certificate we introduce ourselves."""

from __future__ import annotations

import os
import ssl

Verify = bool | str | ssl.SSLContext
"""True: the system's authorities; a path: that CA file or directory instead; a context: used as it is; False: none."""

ClientCertificate = str | tuple[str, str] | tuple[str, str, str]
"""A PEM file with certificate and key, or (certificate, key[, password])."""


def build_context(verify: Verify, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """The context for all TLS connections of one transport. Raises OSError or ssl.SSLError on unusable files."""
    if isinstance(verify, ssl.SSLContext):
        context = verify
    else:
        context = _context_of(verify)
        context.set_alpn_protocols(["http/1.1"])
    if certificate is not None:
        context.load_cert_chain(*((certificate,) if isinstance(certificate, str) else certificate))
    return context


def _context_of(verify: bool | str) -> ssl.SSLContext:
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if isinstance(verify, str):
        if os.path.isdir(verify):
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None and not context.get_ca_certs():
        # A slim container without a system store: httpx brings certifi along, so take its list rather than fail.
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context
