//! The codes of this crate's errors and findings: one per fact.

ebpf_base::codes! {
    /// What an [`Error`](ebpf_base::Error) or [`Finding`](ebpf_base::Finding) of this crate is
    /// about: a stable kebab-case name per fact.
    #[non_exhaustive]
    pub enum Code {
        /// The object's type information cannot be read.
        BtfDamaged = "btf-damaged",
        /// The file of `--btf` does not contain a kernel's BTF.
        BtfUnreadable = "btf-unreadable",
        /// The object is internally inconsistent.
        ObjectDamaged = "object-damaged",
        /// The file is empty.
        ObjectEmpty = "object-empty",
        /// The object has another byte order than this machine.
        ObjectEndianness = "object-endianness",
        /// The object is for an architecture other than BPF.
        ObjectNotBpf = "object-not-bpf",
        /// The file is not an ELF file.
        ObjectNotElf = "object-not-elf",
        /// The object is an executable or a library.
        ObjectNotRelocatable = "object-not-relocatable",
        /// The file ends before the object does.
        ObjectTruncated = "object-truncated",
        /// A section is larger than a kernel accepts.
        SectionTooLarge = "section-too-large",
        /// The object has more functions than a kernel accepts.
        TooManyFunctions = "too-many-functions",
        /// The object has more maps than are supported.
        TooManyMaps = "too-many-maps",
        /// A value that is to be set does not fit into its global variable.
        ValueUnfit = "value-unfit",
    }
}
