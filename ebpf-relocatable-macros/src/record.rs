//! Structs and unions.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, Fields, Generics, Ident, ItemStruct, ItemUnion, Result, Type, Visibility,
    ext::IdentExt as _,
};

use crate::symbol;

/// A struct or a union.
pub(crate) struct Record {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    generics: Generics,
    fields: Fields,
}

impl From<ItemStruct> for Record {
    fn from(item: ItemStruct) -> Self {
        Self {
            attributes: item.attrs,
            visibility: item.vis,
            name: item.ident,
            generics: item.generics,
            fields: item.fields,
        }
    }
}

impl From<ItemUnion> for Record {
    fn from(item: ItemUnion) -> Self {
        Self {
            attributes: item.attrs,
            visibility: item.vis,
            name: item.ident,
            generics: item.generics,
            fields: Fields::Named(item.fields),
        }
    }
}

pub(crate) fn expand(record: Record) -> Result<TokenStream> {
    let Record {
        attributes,
        visibility,
        name,
        generics,
        fields,
    } = record;
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(
            generics,
            "a kernel type cannot have generic parameters",
        ));
    }
    let fields = match fields {
        Fields::Named(fields) => fields.named,
        Fields::Unit => Default::default(),
        Fields::Unnamed(fields) => {
            return Err(Error::new_spanned(
                fields,
                "the members of a kernel type must have names",
            ));
        }
    };
    let members: Vec<Member> = fields
        .into_iter()
        .filter_map(|field| {
            Some(Member {
                attributes: field.attrs,
                visibility: field.vis,
                name: field.ident?,
                value: field.ty,
            })
        })
        .collect();
    let fields_name = format_ident!("fields_of_{}", name.unraw());
    let declared = members.iter().map(Member::in_fields);
    let initial = members.iter().map(|member| {
        let (name, marker) = (&member.name, member.marker());
        quote!(#name: #marker)
    });
    let markers = members.iter().map(|member| member.expand(&name));
    let relocatable = symbol::questions_of_type(&name);
    Ok(quote! {
        #(#attributes)*
        #[allow(non_camel_case_types)]
        #[repr(C)]
        #visibility struct #name {
            _opaque: [u8; 0],
            _not_movable: ::core::marker::PhantomData<(*mut u8, ::core::marker::PhantomPinned)>,
        }

        // A user declares members that only some kernels need, in the names of the kernel.
        #[allow(dead_code, missing_docs, non_camel_case_types, non_snake_case, unreachable_pub)]
        const _: () = {
            #[derive(Clone, Copy)]
            #visibility struct #fields_name { #(#declared),* }

            #(#markers)*

            #relocatable

            impl ::ebpf_relocatable::Record for #name {
                type Members = #fields_name;
                const MEMBERS: Self::Members = #fields_name { #(#initial),* };
            }

            // An embedded struct: its address is the next one.
            // SAFETY: nothing is read.
            unsafe impl ::ebpf_relocatable::Hop for #name {
                type Next = #name;

                #[inline(always)]
                fn hop(
                    address: *const u8,
                    _: impl ::ebpf_relocatable::Member,
                ) -> ::core::result::Result<*const #name, i32> {
                    ::core::result::Result::Ok(address.cast())
                }

                #[inline(always)]
                unsafe fn hop_trusted(
                    address: *const u8,
                    _: impl ::ebpf_relocatable::Member,
                ) -> ::core::result::Result<*const #name, i32> {
                    ::core::result::Result::Ok(address.cast())
                }
            }
        };
    })
}

struct Member {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    value: Type,
}

impl Member {
    fn marker(&self) -> Ident {
        format_ident!("member_{}", self.name.unraw())
    }

    fn in_fields(&self) -> TokenStream {
        let documentation = self
            .attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("doc"));
        let (visibility, name, marker) = (&self.visibility, &self.name, self.marker());
        quote!(#(#documentation)* #visibility #name: #marker)
    }

    fn expand(&self, of: &Ident) -> TokenStream {
        let Self {
            visibility,
            name,
            value,
            ..
        } = self;
        let marker = self.marker();
        let questions = [
            "byte_offset",
            "byte_size",
            "exists",
            "signed",
            "left_shift",
            "right_shift",
        ]
        .map(|question| {
            let function = format_ident!("{question}");
            let symbol = symbol::of_member(of, name, question);
            let answer = symbol::answer(&symbol, name.span());
            // The line of the member: debuggers and diagnoses show it.
            quote_spanned! {Span::call_site().located_at(name.span())=>
                #[inline(always)]
                fn #function(self) -> u64 { #answer }
            }
        });
        quote! {
            #[derive(Clone, Copy)]
            #visibility struct #marker;

            // SAFETY: the functions are those that ebpf-build defines for this declaration.
            unsafe impl ::ebpf_relocatable::Member for #marker {
                type Of = #of;
                type Value = #value;

                #(#questions)*
            }
        }
    }
}
