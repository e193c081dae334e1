//! The functions that `ebpf-build` defines, by the names that `relocatable/ir.rs` gives them there.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, ext::IdentExt as _};

/// `__btf.TYPE.MEMBER.QUESTION`: no name in C has a dot, so each is another one.
pub(crate) fn of_member(of: &Ident, member: &Ident, question: &str) -> String {
    format!("__btf.{}.{}.{question}", of.unraw(), member.unraw())
}

/// `__btf.TYPE..QUESTION`: about the type itself.
fn of_type(of: &Ident, question: &str) -> String {
    format!("__btf.{}..{question}", of.unraw())
}

/// A call of the function, which returns a number, at the line of `span`.
pub(crate) fn answer(symbol: &str, span: Span) -> TokenStream {
    quote_spanned! {Span::call_site().located_at(span)=> {
        unsafe extern "C" {
            #[link_name = #symbol]
            safe fn question() -> u64;
        }
        question()
    }}
}

/// What can be asked of every type.
pub(crate) fn questions_of_type(name: &Ident) -> TokenStream {
    let questions = ["exists", "byte_size", "matches"].map(|question| {
        let function = format_ident!("{question}");
        let answer = answer(&of_type(name, question), name.span());
        quote! {
            #[inline(always)]
            fn #function() -> u64 { #answer }
        }
    });
    quote! {
        // SAFETY: the functions are those that ebpf-build defines for this declaration.
        unsafe impl ::ebpf_relocatable::Relocatable for #name {
            #(#questions)*
        }
    }
}
