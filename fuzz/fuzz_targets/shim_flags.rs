//! The flags of the conformance shim: arguments are read, refused by a name, or not implemented; where a flag stands for all
//! connections, it says the same with the prefix that changes nothing.
#![no_main]

use posthaste_shim::failure::Failure;
use posthaste_shim::flags::{Connections, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let arguments: Vec<_> = data.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let result = parse(&arguments);
    if let Err(failure) = &result {
        check_failure(failure);
    }
    // Every argument that is a flag, and so no value of one, may say that it is for the shim.
    let prefixed: Vec<_> = arguments.iter().map(|argument| [b"-on-shim", &argument[..]].concat()).collect();
    let both = arguments
        .iter()
        .zip(&prefixed)
        .map(|(argument, prefixed)| (parse(std::slice::from_ref(argument)), parse(std::slice::from_ref(prefixed))));
    for ((plain, prefixed), argument) in both.zip(&arguments) {
        let has_prefix = argument.starts_with(b"-on-shim-") || argument.starts_with(b"-on-handshaker-");
        if !has_prefix && argument.starts_with(b"-") {
            assert_eq!(shown(&plain), shown(&prefixed), "{}", argument.escape_ascii());
        }
    }
});

fn shown(result: &Result<Connections, Failure>) -> String {
    match result {
        Ok(connections) => format!("{connections:?}"),
        Err(failure) => failure.to_string(),
    }
}

/// What the runner reads: one line of ASCII that begins with a name between colons, and an exit code of the contract.
fn check_failure(failure: &Failure) {
    let (text, name) = (failure.to_string(), failure.name());
    assert!(text.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{text:?}");
    assert!(text.starts_with(&format!(":{name}: ")) && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(
        matches!((failure, failure.exit_code()), (Failure::Unimplemented(_), 89) | (Failure::Usage(_), 1)),
        "{text}"
    );
}
