//! The messages of a pprof profile. Names and numbers are those of `proto/profile.proto` in
//! the repository google/pprof; what is never written here is left out.

/// `perftools.profiles.Profile`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Profile {
    /// What the values of a sample are.
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    /// The files that code is in, the program itself first.
    #[prost(message, repeated, tag = "3")]
    pub(crate) mapping: Vec<Mapping>,
    /// The places in code.
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    /// All texts; the first one is empty. Others refer to them by index.
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    /// When it began, in nanoseconds since 1970.
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    /// How long it lasted, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    /// What `period` is in.
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    /// How many events there are to a sample: values are scaled to all already.
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
    /// Free texts.
    #[prost(int64, repeated, tag = "13")]
    pub(crate) comment: Vec<i64>,
    /// The type of the value that is shown where nobody chose one.
    #[prost(int64, tag = "14")]
    pub(crate) default_sample_type: i64,
}

/// `perftools.profiles.ValueType`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct ValueType {
    /// Its name.
    #[prost(int64, tag = "1")]
    pub(crate) r#type: i64,
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

/// `perftools.profiles.Sample`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sample {
    /// The stack, the innermost place first.
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    /// A value for each of `Profile.sample_type`.
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
    /// What else is known.
    #[prost(message, repeated, tag = "3")]
    pub(crate) label: Vec<Label>,
}

/// `perftools.profiles.Label`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Label {
    /// Its name.
    #[prost(int64, tag = "1")]
    pub(crate) key: i64,
    /// Its text, if it is one.
    #[prost(int64, tag = "2")]
    pub(crate) str: i64,
    /// Its number, if it is one.
    #[prost(int64, tag = "3")]
    pub(crate) num: i64,
}

/// `perftools.profiles.Mapping`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Mapping {
    /// Not zero.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// The first address.
    #[prost(uint64, tag = "2")]
    pub(crate) memory_start: u64,
    /// The first address behind it.
    #[prost(uint64, tag = "3")]
    pub(crate) memory_limit: u64,
    /// Its name.
    #[prost(int64, tag = "5")]
    pub(crate) filename: i64,
    /// Whether its functions are known, as for the next three: what is known is all that
    /// can be, so that tools do not look for more.
    #[prost(bool, tag = "7")]
    pub(crate) has_functions: bool,
    /// Source files.
    #[prost(bool, tag = "8")]
    pub(crate) has_filenames: bool,
    /// Source lines.
    #[prost(bool, tag = "9")]
    pub(crate) has_line_numbers: bool,
    /// Inlined functions.
    #[prost(bool, tag = "10")]
    pub(crate) has_inline_frames: bool,
}

/// `perftools.profiles.Location`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Location {
    /// Not zero.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// Its mapping, zero if that is not known.
    #[prost(uint64, tag = "2")]
    pub(crate) mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) address: u64,
    /// Its functions: each is inlined into the next.
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

/// `perftools.profiles.Line`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Line {
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
    /// The source line.
    #[prost(int64, tag = "2")]
    pub(crate) line: i64,
}

/// `perftools.profiles.Function`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Function {
    /// Not zero.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// Its name for people. A name for the system (3) beside it, if it is the same, has
    /// `go tool pprof` take the name for one that it should shorten.
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
    /// Its source file.
    #[prost(int64, tag = "4")]
    pub(crate) filename: i64,
}
