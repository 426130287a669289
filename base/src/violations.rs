//! Tables of violations: each protocol lists in one table how a peer can break it, one row for each way.
//!
//! A row is what decides how the breach is answered, where the standard forbids it, and what is said to humans. TLS, QUIC
//! and HTTP/3 have a table each, and each adds what its rows are answered with.

/// Makes the enumeration of a table: a variant for each row, and what the row says as `const` methods.
///
/// The head names the columns between the variant and the section, at most two: the method, its type, and the type or
/// module whose constant or variant the column holds. Then come the rows: variant, columns, section, words. Variants that
/// carry a value stand before them in brackets, and compute section and words from it.
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// pub struct Code(u64);
/// impl Code {
///     const SYNTAX: Code = Code(1);
/// }
///
/// posthaste_base::violations! {
///     /// A breach of an example.
///     #[derive(Clone, Copy, Debug, PartialEq, Eq)]
///     pub enum Violation (code: Code = Code)
///     [
///         /// A byte that has no meaning.
///         Byte(byte: u8), SYNTAX => "RFC 1 2", if byte == 0 { "a zero byte" } else { "an unknown byte" };
///     ]
///     Truncated, SYNTAX, "RFC 1 1", "a message ends too early";
/// }
///
/// assert_eq!(Violation::Truncated.code(), Code(1));
/// assert_eq!(Violation::Truncated.to_string(), "a message ends too early (RFC 1 1)");
/// assert_eq!(Violation::Byte(0).reason(), "a zero byte");
/// assert_eq!(Violation::ROWS, [Violation::Truncated]);
/// ```
#[macro_export]
macro_rules! violations {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident ($($accessor:ident: $type:ty = $source:ident),+)
        $([$(
            $(#[$carried_attribute:meta])*
            $carried:ident($value:ident: $inner:ty), $($carried_column:ident),+ => $carried_section:expr, $carried_text:expr;
        )*])?
        $($variant:ident, $($column:ident,)+ $section:literal, $text:literal;)*
    ) => {
        $(#[$attribute])*
        pub enum $name {
            $(#[doc = $text] $variant,)*
            $($($(#[$carried_attribute])* $carried($inner),)*)?
        }

        impl $name {
            /// Every row of the table but those that carry a value.
            pub const ROWS: &'static [$name] = &[$($name::$variant,)*];

            $crate::violations!(
                @columns [$($accessor: $type = $source,)+]
                [$({$name::$variant} [$($column)+])* $($({$name::$carried(_)} [$($carried_column)+])*)?]
            );

            /// The section of the standard that says so.
            pub const fn section(self) -> &'static str {
                match self {
                    $($name::$variant => $section,)*
                    $($(
                        #[allow(unused_variables)]
                        $name::$carried($value) => $carried_section,
                    )*)?
                }
            }

            /// What happened, for humans.
            pub const fn reason(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                    $($(
                        #[allow(unused_variables)]
                        $name::$carried($value) => $carried_text,
                    )*)?
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, "{} ({})", self.reason(), self.section())
            }
        }

        impl ::core::error::Error for $name {}
    };
    (@columns [$one:ident: $type:ty = $source:ident,] [$({$($row:tt)+} [$column:ident])*]) => {
        $crate::violations!(@column $one $type, [$({$($row)+} {$source::$column})*]);
    };
    (
        @columns
        [$one:ident: $type:ty = $source:ident, $two:ident: $second_type:ty = $second_source:ident,]
        [$({$($row:tt)+} [$column:ident $second:ident])*]
    ) => {
        $crate::violations!(@column $one $type, [$({$($row)+} {$source::$column})*]);
        $crate::violations!(@column $two $second_type, [$({$($row)+} {$second_source::$second})*]);
    };
    (@column $accessor:ident $type:ty, [$({$row:pat} {$answer:expr})*]) => {
        #[doc = concat!("The ", stringify!($accessor), " that answers it.")]
        pub const fn $accessor(self) -> $type {
            match self {
                $($row => $answer,)*
            }
        }
    };
}
