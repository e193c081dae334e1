#![doc = include_str!("../README.md")]

mod enumeration;
mod record;
mod symbol;

use proc_macro::TokenStream;
use syn::{Item, parse_macro_input};

/// Declares a type of the kernel, with only the members that are used. The order of the members,
/// and those left out, do not matter: their places are those of the kernel that loads the program.
///
/// On a struct or a union, the type has no members in Rust: the macros of `ebpf-relocatable`
/// read them. On an enum, the type is an integer, whose values are those of the running kernel.
///
/// Names are those of the kernel. What follows `___` is not part of it, as in
/// `task_struct___before_5_14`, so that a program can declare several variants of one type.
#[proc_macro_attribute]
pub fn btf_relocatable(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return error(&syn::Error::new(
            proc_macro2::Span::call_site(),
            "btf_relocatable has no arguments",
        ));
    }
    let expanded = match parse_macro_input!(item as Item) {
        Item::Struct(item) => record::expand(item.into()),
        Item::Union(item) => record::expand(item.into()),
        Item::Enum(item) => enumeration::expand(item),
        other => Err(syn::Error::new_spanned(
            other,
            "btf_relocatable is for structs, unions and enums",
        )),
    };
    expanded.map_or_else(|cause| error(&cause), Into::into)
}

fn error(error: &syn::Error) -> TokenStream {
    error.to_compile_error().into()
}
