//! Enums: integers, whose named values are those of the running kernel.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Fields, ItemEnum, Result, ext::IdentExt as _};

use crate::symbol;

pub(crate) fn expand(item: ItemEnum) -> Result<TokenStream> {
    let ItemEnum {
        attrs,
        vis,
        ident: name,
        generics,
        variants,
        ..
    } = item;
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(
            generics,
            "a kernel type cannot have generic parameters",
        ));
    }
    if let Some(variant) = variants
        .iter()
        .find(|variant| !matches!(variant.fields, Fields::Unit))
    {
        return Err(Error::new_spanned(
            variant,
            "an enumerator cannot have fields",
        ));
    }
    let (representation, attributes): (Vec<_>, Vec<_>) = attrs
        .into_iter()
        .partition(|attribute| attribute.path().is_ident("repr"));
    let integer = match representation.first() {
        Some(attribute) => attribute.parse_args()?,
        None => quote!(u32),
    };
    let fields_name = format_ident!("values_of_{}", name.unraw());
    let names: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let markers: Vec<_> = names
        .iter()
        .map(|name| format_ident!("value_{}", name.unraw()))
        .collect();
    let exists: Vec<_> = names
        .iter()
        .map(|value| symbol::answer(&symbol::of_member(&name, value, "exists"), value.span()))
        .collect();
    let values: Vec<_> = names
        .iter()
        .map(|value| symbol::answer(&symbol::of_member(&name, value, "value"), value.span()))
        .collect();
    let relocatable = symbol::questions_of_type(&name);
    Ok(quote! {
        #(#attributes)*
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(transparent)]
        #vis struct #name(pub #integer);

        // SAFETY: a transparent integer.
        unsafe impl ::ebpf_relocatable::Plain for #name {}

        // A user declares members that only some kernels need, in the names of the kernel.
        #[allow(dead_code, missing_docs, non_camel_case_types, non_snake_case, unreachable_pub)]
        const _: () = {
            #[derive(Clone, Copy)]
            #vis struct #fields_name { #(pub #names: #markers),* }

            #relocatable

            impl ::ebpf_relocatable::Enumeration for #name {
                type Values = #fields_name;
                const VALUES: Self::Values = #fields_name { #(#names: #markers),* };
            }

            #(
                #[derive(Clone, Copy)]
                #vis struct #markers;

                // SAFETY: the functions are those that ebpf-build defines for this declaration.
                unsafe impl ::ebpf_relocatable::Enumerator for #markers {
                    type Of = #name;

                    #[inline(always)]
                    fn exists(self) -> u64 {
                        #exists
                    }

                    #[inline(always)]
                    fn value(self) -> u64 {
                        #values
                    }
                }
            )*
        };
    })
}
