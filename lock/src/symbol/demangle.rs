//! Names of functions as their language has them. Only what a compiler mangled is demangled: to C++,
//! a C function called `f` would be the type `float`.

use std::borrow::Cow;

use cpp_demangle::{DemangleOptions, Symbol};

/// A symbol's name for people. Of C++ without parameters and return type: templates make these
/// longer than any line, and the name is what has to be read.
pub(super) fn demangled(symbol: &str) -> Cow<'_, str> {
    // Suffixes of versions and of a compiler's copies are behind the mangled name.
    let version = symbol.split_once('@').map_or(symbol, |(name, _)| name);
    if !["_Z", "__Z", "_R"]
        .iter()
        .any(|start| version.starts_with(start))
    {
        return Cow::Borrowed(symbol);
    }
    if let Ok(rust) = rustc_demangle::try_demangle(version) {
        return Cow::Owned(format!("{rust:#}"));
    }
    let options = DemangleOptions::new().no_params().no_return_type();
    let demangled = Symbol::new(version)
        .ok()
        .and_then(|cpp| cpp.demangle_with_options(&options).ok());
    match demangled {
        // What follows the parameters of a method.
        Some(name) => match name.strip_suffix(" const") {
            Some(name) => Cow::Owned(name.to_owned()),
            None => Cow::Owned(name),
        },
        None => Cow::Borrowed(symbol),
    }
}

#[cfg(test)]
mod tests {
    use super::demangled;

    #[test]
    fn names_are_those_of_their_language() {
        for (symbol, name) in [
            // C: also a type of C++, if it were mangled.
            ("f", "f"),
            ("i", "i"),
            ("x", "x"),
            (
                "pthread_cond_wait@@GLIBC_2.3.2",
                "pthread_cond_wait@@GLIBC_2.3.2",
            ),
            ("_Zero", "_Zero"),
            // C++: methods, templates with a return type, lambdas, operators, constructors.
            (
                "_ZN5Stats3addERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
                "Stats::add",
            ),
            (
                "_ZNSt8__detail15__platform_waitIiEEvPKT_i",
                "std::__detail::__platform_wait<int>",
            ),
            ("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"),
            ("_ZNK3Foo3barEv", "Foo::bar"),
            ("_ZN3FooC1Ei", "Foo::Foo"),
            ("_ZNK3FoocvbEv", "Foo::operator bool"),
            ("_ZL5stats", "stats"),
            ("_ZNSt5mutex4lockEv@@V1", "std::mutex::lock"),
            // Rust, with both ways of mangling.
            (
                "_ZN4core9panicking9panic_fmt17h5f1a6fd39197ad62E",
                "core::panicking::panic_fmt",
            ),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"),
        ] {
            assert_eq!(demangled(symbol), name);
        }
    }
}
