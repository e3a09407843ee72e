//! TLS, private certificate authorities, proxies.
