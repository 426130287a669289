//! Numbers that tell values of our own apart.

/// FNV-1a: fast, and good enough to tell apart what nobody chose to be alike.
pub(crate) fn number_of(der: &[u8]) -> u64 {
    const PRIME: u128 = 0x0100_0000_01b3;
    der.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (u128::from(hash ^ u64::from(*byte)) * PRIME) as u64)
}
