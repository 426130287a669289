//! The numbers and structures, against other statements of them.
