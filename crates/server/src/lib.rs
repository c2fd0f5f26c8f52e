//! The sockets: the HTTP API, limits, and the encoding of results.
