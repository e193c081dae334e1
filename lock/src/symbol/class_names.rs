//! Whether a function of a library or runtime is locking code, and of what.

use std::borrow::Cow;

use crate::{profile::lock_type::Class, symbol::class_table::TABLE};

/// What is known of a function: that it is locking code, and maybe of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// What it waits for. None: that is for other functions to tell.
    pub(crate) class: Option<Class>,
    /// The lock's name, where users know it by one.
    pub(crate) name: Option<&'static str>,
}

/// What is known of a function. None: it is no locking code.
pub(crate) fn find(function: &str) -> Option<Known> {
    let name = plain(function);
    if drops_guard(&name) {
        return Some(Known {
            class: None,
            name: None,
        });
    }
    TABLE
        .iter()
        .find(|(pattern, ..)| pattern.fits(&name))
        .map(|&(_, class, name)| Known { class, name })
}

/// Whether a function drops what keeps a lock of Rust locked: that unlocks.
fn drops_guard(name: &str) -> bool {
    let dropped = ["core::ptr::drop_in_place", "core::mem::drop"]
        .iter()
        .find_map(|drop| name.strip_prefix(drop));
    let Some(dropped) = dropped else {
        return false;
    };
    let path = dropped.trim_start_matches("::").trim_start_matches('<');
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    path.ends_with("Guard") && (path.starts_with("std::sync::") || path.starts_with("lock_api::"))
}

/// Whether a function stands between others of locking code, and is none by itself.
pub(crate) fn is_between(function: &str) -> bool {
    const BETWEEN: &[&str] = &[
        "std::thread::local::",
        "core::ops::function::",
        "core::option::",
        "core::result::",
    ];
    let name = plain(function);
    BETWEEN.iter().any(|start| name.starts_with(start))
}

/// Whether the word that a function waits on is its thread's own, whatever it waits for.
pub(crate) fn is_waiters_own(function: &str) -> bool {
    const OWN: &[&str] = &[
        "parking_lot_core::",
        "std::sys::sync::thread_parking::",
        "crossbeam_utils::sync::parker::",
        "tokio::runtime::park::",
        "PGSemaphoreLock",
        "_PySemaphore_",
        "_PyParkingLot_",
        "runtime.semasleep",
        "runtime.notesleep",
        "runtime.notetsleep",
        "Parker::park",
        "PlatformEvent::park",
        "os::PlatformEvent::park",
        "rb_mutex_lock",
        "v8::internal::FutexEmulation::",
        "rocksdb::WriteThread::",
    ];
    let name = plain(function);
    OWN.iter().any(|start| name.starts_with(start))
}

/// Whether a function is one of musl with which everything in it waits.
pub(crate) fn is_musl(function: &str) -> bool {
    ["sccp", "__timedwait", "__timedwait_cp"].contains(&function)
}

/// Whether functions without a name may come between this one and the one that called it:
/// that is so for the call itself.
pub(crate) fn may_hide_callers(function: &str) -> bool {
    find(function)
        == Some(Known {
            class: None,
            name: None,
        })
}

/// Whether a module is a C library: what is nameless in it and innermost is locking code.
pub(crate) fn is_c_library(module: &str) -> bool {
    const LIBRARIES: &[&str] = &["libc.so", "libc-2.", "libpthread", "ld-musl-", "libc.musl-"];
    LIBRARIES.iter().any(|library| module.starts_with(library))
}

/// A name as the table has it: `std::sync::X::f` for `<std::sync::X>::f` and for
/// `<std::sync::X as Trait>::f`; without the suffixes of a compiler's copies
/// (`take_gil.lto_priv.0`) and of versions (`pthread_cond_wait@@GLIBC_2.3.2`).
fn plain(function: &str) -> Cow<'_, str> {
    // Go's names have a dot.
    if function.starts_with("runtime.") {
        return Cow::Borrowed(function);
    }
    if let Some((inside, rest)) = bracketed(function) {
        let inside = inside.split_once(" as ").map_or(inside, |(own, _)| own);
        return Cow::Owned(format!("{inside}{rest}"));
    }
    const SUFFIXES: &[&str] = &[
        " [clone",
        ".lto_priv",
        ".isra",
        ".constprop",
        ".part",
        ".cold",
        ".llvm",
        ".localalias",
        "@",
    ];
    let name = SUFFIXES
        .iter()
        .find_map(|suffix| Some(function.split_once(suffix)?.0))
        .unwrap_or(function);
    Cow::Borrowed(name)
}

/// What is in the brackets that a name begins with, and what follows them.
fn bracketed(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix('<')?;
    let mut depth = 1_u32;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'<' => depth = depth.saturating_add(1),
            // `->` is no bracket.
            b'>' if !inside.get(..at)?.ends_with('-') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let rest = inside.get(at.saturating_add(1)..)?;
            return Some((inside.get(..at)?, rest));
        }
    }
    None
}
