//! Three-party computation on replicated shares (docs/protocol.md).
