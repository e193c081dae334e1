//! A BPF object as data: bytes go in, a model comes out, nothing here does IO.
