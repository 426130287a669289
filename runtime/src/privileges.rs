//! Giving up what a process was started with and needs no more once its ports are bound and its keys are read.

use std::io;

use crate::sys;

/// Becomes the user and the group of these numbers, with all threads, for good: there is no way back. `groups` are the others that the
/// user is in. A process that is that user and group already stays as it is.
///
/// # Errors
/// The process may not (it was not started by root, or is in a sandbox), or could become root again. It may have lost its groups
/// by then, and should end.
pub fn become_user(user: u32, group: u32, groups: &[u32]) -> io::Result<()> {
    if sys::identity() == (user, group) {
        return Ok(());
    }
    sys::become_user(user, group, groups)?;
    if user != 0 && sys::become_user(0, 0, &[]).is_ok() {
        return Err(io::Error::other("the process could become root again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may not change is refused, and who is there already is not asked to.
    #[test]
    fn only_root_becomes_somebody_else() {
        let (user, group) = sys::identity();
        become_user(user, group, &[]).unwrap();
        if user != 0 {
            let refused = become_user(user + 1, group, &[]).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
