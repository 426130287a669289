//! A client whose address goes away in the middle of a download: the real command in network namespaces of its own, with two
//! interfaces on the way to the server. Where the system gives no namespaces, nothing is shown.
#![allow(clippy::unwrap_used)] // a test may

use std::process::{Command, Output, Stdio};

const BYTES: usize = 60_000_000;

/// Namespaces of a user, a network and mounts, in which a test may do what it likes.
fn alone(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Urn", "sh", "-c", script]).stdin(Stdio::null());
    command
}

fn has_namespaces() -> bool {
    let script = "ip link add a0 type veth peer name a1 && ip link set lo up";
    alone(script).output().is_ok_and(|output| output.status.success())
}

/// The client has 10.0.0.1 and 10.1.0.1, and prefers the first; the server has one address that both lead to. When 20 MB have
/// been read, `change` happens, with all that is on the way still to come.
fn download(change: &str) -> Output {
    let posthaste = env!("CARGO_BIN_EXE_posthaste");
    let server = format!(
        "until ip link show b1 >/dev/null 2>&1; do :; done
         ip link set lo up; ip addr add 10.9.0.1/32 dev lo
         ip addr add 10.0.0.2/24 dev a1; ip link set a1 up
         ip addr add 10.1.0.2/24 dev b1; ip link set b1 up
         exec {posthaste} serve --bodies --name '*' --listen 10.9.0.1:4433 --workers 1"
    );
    let script = format!(
        "ip link set lo up
         unshare -n sh -c \"{server}\" >&2 &
         server=$!
         trap 'kill $server' EXIT
         until [ \"$(readlink /proc/$server/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do :; done
         ip link add a0 type veth peer name a1; ip link add b0 type veth peer name b1
         ip addr add 10.0.0.1/24 dev a0; ip link set a0 up
         ip addr add 10.1.0.1/24 dev b0; ip link set b0 up
         ip link set a1 netns $server; ip link set b1 netns $server
         ip route add 10.9.0.1 via 10.0.0.2 metric 10
         ip route add 10.9.0.1 via 10.1.0.2 metric 20
         until ip route get 10.9.0.1 >/dev/null && {posthaste} get --insecure --connect-timeout 1 https://10.9.0.1:4433/bytes/1 \
             >/dev/null 2>&1; do :; done
         {posthaste} get --insecure --stats https://10.9.0.1:4433/bytes/{BYTES} \
             | {{ dd bs=1000000 count=20 iflag=fullblock 2>/dev/null; {change}; cat; }} | wc -c"
    );
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "60", "unshare", "-Urn", "sh", "-c", &script]).stdin(Stdio::null());
    command.output().unwrap()
}

fn goes_on(change: &str) {
    if !has_namespaces() {
        eprintln!("not shown: this system gives no network namespaces");
        return;
    }
    let output = download(change);
    let (count, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(count.trim(), BYTES.to_string(), "{change}: {words}");
    let told = "the connection to 10.9.0.1:4433 goes on from 10.1.0.1:";
    assert!(words.contains(told), "{change}: {words}");
    assert!(words.contains("path 10.1.0.1:") && words.contains("to 10.9.0.1:4433 (in use)"), "{change}: {words}");
}

#[test]
fn a_client_whose_address_is_taken_away_goes_on_from_another() {
    goes_on("ip addr del 10.0.0.1/24 dev a0");
}

#[test]
fn a_client_whose_interface_goes_down_goes_on_by_another() {
    goes_on("ip link set a0 down");
}
