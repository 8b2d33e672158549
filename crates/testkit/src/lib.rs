//! Dev-only: a mounted server, callers, a clock moved by hand
