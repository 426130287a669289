//! Resources, paths and files: what was seen on this stack and in public reports of others. All rows are shown in the tests of
//! the crate that guards against them.
