//! Why something is refused: the numbers of `Error` and `AuthError` frames, of streams that are reset, and of sessions that are closed.

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $may_repeat:literal, $text:literal;)*) => {
        /// Why something is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
            /// One of a later version.
            Other(u32),
        }

        impl ErrorCode {
            /// All that this version has.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// From a frame.
            pub const fn from_number(number: u32) -> ErrorCode {
                match number {
                    $($number => ErrorCode::$name,)*
                    other => ErrorCode::Other(other),
                }
            }

            /// As it is sent.
            pub const fn number(self) -> u32 {
                match self {
                    $(ErrorCode::$name => $number,)*
                    ErrorCode::Other(number) => number,
                }
            }

            /// Whether the same request may succeed later, on this session or on another.
            pub const fn may_repeat(self) -> bool {
                match self {
                    $(ErrorCode::$name => $may_repeat,)*
                    ErrorCode::Other(_) => false,
                }
            }
        }

        impl fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(ErrorCode::$name => f.write_str($text),)*
                    ErrorCode::Other(number) => write!(f, "error {number}"),
                }
            }
        }
    };
}

codes! {
    /// Nothing is wrong: the session or the stream just ends.
    None = 0, true, "no error";
    /// A frame is not well-formed.
    Malformed = 1, false, "a frame is not well-formed";
    /// A frame of another version of the protocol.
    Version = 2, false, "another version of the protocol";
    /// A frame that has no place on this stream, or at this time.
    Unexpected = 3, false, "a frame that has no place here";
    /// A frame, an event or a field is larger than the limit.
    TooLarge = 4, false, "larger than the limit";
    /// The client has not said who it is, or not shown it.
    Unauthenticated = 5, false, "not authenticated";
    /// The client has no right to this.
    Forbidden = 6, false, "no right to this";
    /// No such namespace.
    NoNamespace = 7, false, "no such namespace";
    /// No such subscription.
    NoSubscription = 8, false, "no such subscription";
    /// There is a subscription of this name, with other settings.
    Differs = 9, false, "the subscription has other settings";
    /// A field has a value that makes no sense.
    Invalid = 10, false, "a value makes no sense";
    /// Too many at once: connections, streams, requests, subscriptions.
    Limit = 11, true, "too many at once";
    /// The store has no room; nothing of the request was stored.
    Full = 12, true, "the store is full";
    /// The store has failed; the request may or may not have been done.
    StoreFailed = 13, true, "the store has failed";
    /// The server ends.
    Ending = 14, true, "the server is ending";
    /// The other end was not heard of for too long, or did not authenticate in time.
    Silent = 15, true, "not heard of for too long";
    /// A fault of the server's own.
    Internal = 16, true, "a fault of the server";
}
