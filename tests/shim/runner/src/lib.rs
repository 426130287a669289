//! Nothing: this package names the crate whose sources hold the test runner, for `run` beside it.
