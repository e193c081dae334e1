//! The macros: paths of names, resolved by the types of the members.

/// Reads a member with `bpf_probe_read_kernel`, along a path of pointers and embedded structs:
/// `read!(task => mm.owner.pid)` as a `Result` with the value or a negative error number.
///
/// Each pointer on the path is read from the kernel's memory. A bad one is an error, so this is
/// safe with any pointer. `WRONG_SIZE` is the error where a member has another size than declared.
#[macro_export]
macro_rules! read {
    ($base:expr => $member:ident) => {{
        let base = $base;
        $crate::expansion::read(base, $crate::expansion::members_of(base).$member)
    }};
    ($base:expr => $member:ident . $($rest:ident).+) => {{
        let base = $base;
        match $crate::expansion::hop(base, $crate::expansion::members_of(base).$member) {
            ::core::result::Result::Ok(next) => $crate::read!(next => $($rest).+),
            ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
        }
    }};
}

/// As [`read!`], with load instructions, for a pointer that the verifier knows as one to the
/// declared type: an argument of a `tp_btf`, `fentry`, LSM or iterator program.
///
/// Unsafe: for the verifier it is a load like any other, which it checks, and for Rust one that
/// nothing checks.
#[macro_export]
macro_rules! read_trusted {
    ($base:expr => $member:ident) => {{
        let base = $base;
        $crate::expansion::read_trusted(base, $crate::expansion::members_of(base).$member)
    }};
    ($base:expr => $member:ident . $($rest:ident).+) => {{
        let base = $base;
        match $crate::expansion::hop_trusted(base, $crate::expansion::members_of(base).$member) {
            ::core::result::Result::Ok(next) => $crate::read_trusted!(next => $($rest).+),
            ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
        }
    }};
}

/// The address of a member, along a path as that of [`read!`]: a `Result` with a pointer to the
/// declared type, for arrays of any length and for helpers that take addresses.
#[macro_export]
macro_rules! address {
    ($base:expr => $member:ident) => {{
        let base = $base;
        $crate::expansion::address(base, $crate::expansion::members_of(base).$member)
    }};
    ($base:expr => $member:ident . $($rest:ident).+) => {{
        let base = $base;
        match $crate::expansion::hop(base, $crate::expansion::members_of(base).$member) {
            ::core::result::Result::Ok(next) => $crate::address!(next => $($rest).+),
            ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
        }
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __member {
    ($of:ty, $member:ident $(. $rest:ident)*) => {{
        let member = <$of as $crate::Record>::MEMBERS.$member;
        $(let member = $crate::expansion::then(member, |members| members.$rest);)*
        member
    }};
}

/// Whether this kernel has a member: `field_exists!(task_struct, mm)`, or a member of an embedded
/// struct, `field_exists!(task_struct, se.vruntime)`.
///
/// The verifier knows the result, so it does not look at the branch that is not taken: code for
/// kernels that have the member can be beside code for those that do not.
#[macro_export]
macro_rules! field_exists {
    ($of:ty, $($path:ident).+ $(,)?) => {
        $crate::Member::exists($crate::__member!($of, $($path).+)) != 0
    };
}

/// The offset of a member in this kernel's type, as an `Option<usize>`; of a bit field, where its
/// word is.
#[macro_export]
macro_rules! field_byte_offset {
    ($of:ty, $($path:ident).+ $(,)?) => {{
        let member = $crate::__member!($of, $($path).+);
        if $crate::Member::exists(member) != 0 {
            ::core::option::Option::Some($crate::Member::byte_offset(member) as usize)
        } else {
            ::core::option::Option::None
        }
    }};
}

/// The size of a member in this kernel, as an `Option<usize>`.
#[macro_export]
macro_rules! field_byte_size {
    ($of:ty, $($path:ident).+ $(,)?) => {{
        let member = $crate::__member!($of, $($path).+);
        if $crate::Member::exists(member) != 0 {
            ::core::option::Option::Some($crate::Member::byte_size(member) as usize)
        } else {
            ::core::option::Option::None
        }
    }};
}

/// Whether this kernel has a type of this name and kind.
#[macro_export]
macro_rules! type_exists {
    ($of:ty) => {
        <$of as $crate::Relocatable>::exists() != 0
    };
}

/// The size of a type in this kernel, as an `Option<usize>`.
#[macro_export]
macro_rules! type_byte_size {
    ($of:ty) => {
        if $crate::type_exists!($of) {
            ::core::option::Option::Some(<$of as $crate::Relocatable>::byte_size() as usize)
        } else {
            ::core::option::Option::None
        }
    };
}

/// Whether this kernel's type has all declared members, each of a type that matches the declared
/// one. Loaders before libbpf 1.0, and Aya 0.14, reject the relocation.
#[macro_export]
macro_rules! type_matches {
    ($of:ty) => {
        <$of as $crate::Relocatable>::matches() != 0
    };
}

/// Whether this kernel's enum has an enumerator: `enum_value_exists!(pid_type, PIDTYPE_TGID)`.
#[macro_export]
macro_rules! enum_value_exists {
    ($of:ty, $name:ident $(,)?) => {
        $crate::Enumerator::exists(<$of as $crate::Enumeration>::VALUES.$name) != 0
    };
}

/// The value of an enumerator in this kernel, as an `Option<u64>`.
#[macro_export]
macro_rules! enum_value {
    ($of:ty, $name:ident $(,)?) => {{
        let value = <$of as $crate::Enumeration>::VALUES.$name;
        if $crate::Enumerator::exists(value) != 0 {
            ::core::option::Option::Some($crate::Enumerator::value(value))
        } else {
            ::core::option::Option::None
        }
    }};
}
