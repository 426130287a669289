//! Whether a packet is sent, and what may go into it: what wants to go, against what the path allows.

/// What a packet number space would like to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Interest {
    /// An ACK is due.
    pub acknowledgment: bool,
    /// There are frames that ask for an acknowledgment.
    pub data: bool,
    /// The timer of RFC 9002 section 6.2 expired: something has to be sent that asks for an acknowledgment.
    pub probe: bool,
}

/// What the path allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Constraint {
    /// Everything.
    None,
    /// The congestion window is full, or the pacer asks to wait.
    Congestion,
    /// Three times what was received is used up (RFC 9000 section 8.1).
    Amplification,
}

/// What may go into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// No packet.
    Nothing,
    /// An ACK and nothing that asks for an acknowledgment.
    AcknowledgmentOnly,
    /// Everything there is.
    All,
}

/// The table of both.
pub(crate) const fn permission(interest: Interest, constraint: Constraint) -> Permission {
    match (constraint, interest) {
        (Constraint::Amplification, _) => Permission::Nothing,
        // RFC 9002 section 7.5-1: a probe is sent whatever the window says.
        (_, Interest { probe: true, .. }) | (Constraint::None, Interest { data: true, .. }) => Permission::All,
        // RFC 9002 s7: packets that hold only ACK frames are not congestion controlled.
        (_, Interest { acknowledgment: true, .. }) => Permission::AcknowledgmentOnly,
        _ => Permission::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9002 section 7-3, 7.5-1.
    #[test]
    fn the_whole_table() {
        use Permission::{AcknowledgmentOnly, All, Nothing};
        // Columns: no constraint, congestion, amplification.
        let table = [
            ((false, false, false), [Nothing, Nothing, Nothing]),
            ((true, false, false), [AcknowledgmentOnly, AcknowledgmentOnly, Nothing]),
            ((false, true, false), [All, Nothing, Nothing]),
            ((true, true, false), [All, AcknowledgmentOnly, Nothing]),
            ((false, false, true), [All, All, Nothing]),
            ((true, false, true), [All, All, Nothing]),
            ((false, true, true), [All, All, Nothing]),
            ((true, true, true), [All, All, Nothing]),
        ];
        for ((acknowledgment, data, probe), row) in table {
            let interest = Interest { acknowledgment, data, probe };
            let constraints = [Constraint::None, Constraint::Congestion, Constraint::Amplification];
            for (constraint, expected) in constraints.into_iter().zip(row) {
                assert_eq!(permission(interest, constraint), expected, "{interest:?} against {constraint:?}");
            }
        }
    }
}
