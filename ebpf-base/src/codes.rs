//! Tables of the codes that findings and errors have.

/// Declares an enumeration of codes from one table: the meaning of each as its doc comment,
/// its variant, and its text.
///
/// ```
/// ebpf_base::codes! {
///     /// What can go wrong here.
///     pub enum Code {
///         /// The disk is full.
///         DiskFull = "disk-full",
///     }
/// }
/// assert_eq!(Code::DiskFull.as_str(), "disk-full");
/// assert_eq!(Code::DiskFull.meaning(), "The disk is full.");
/// assert_eq!(Code::named("disk-full"), Some(Code::DiskFull));
/// ```
#[macro_export]
macro_rules! codes {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $(#[doc = $meaning:literal] $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $(#[doc = $meaning] $variant,)+
        }

        impl $name {
            /// All of them.
            $visibility const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as an error or a finding has it.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The fact that it stands for, in one sentence.
            $visibility fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning.trim_ascii(),)+
                }
            }

            /// The code with this text.
            $visibility fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$name> for ::std::borrow::Cow<'static, str> {
            fn from(code: $name) -> Self {
                code.as_str().into()
            }
        }
    };
}
