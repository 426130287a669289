//! The receiving part of a stream: RFC 9000 figure 3 as a table.
//!
//! Of the optional edges we take none: data that is complete is delivered although a reset follows, and after a reset
//! nothing more is delivered.

/// A state of figure 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReceiveState {
    /// Data flows.
    Receive,
    /// The end is known; data is missing.
    SizeKnown,
    /// All data is here.
    DataReceived,
    /// The application has all data. Terminal.
    DataRead,
    /// The peer abandoned the stream.
    ResetReceived,
    /// The application knows of the reset. Terminal.
    ResetRead,
}

/// An edge of figure 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReceiveStep {
    /// A STREAM frame with the end arrived.
    Fin,
    /// Nothing is missing up to the end.
    AllData,
    /// RESET_STREAM arrived.
    Reset,
    /// The application was told of the end.
    ReadAll,
    /// The application was told of the reset.
    ReadReset,
}

impl ReceiveState {
    /// Every state.
    #[cfg(test)]
    pub(crate) const ALL: [ReceiveState; 6] = [
        ReceiveState::Receive,
        ReceiveState::SizeKnown,
        ReceiveState::DataReceived,
        ReceiveState::DataRead,
        ReceiveState::ResetReceived,
        ReceiveState::ResetRead,
    ];

    /// Where `step` leads, or `None` where it changes nothing.
    pub(crate) const fn next(self, step: ReceiveStep) -> Option<ReceiveState> {
        use ReceiveState::{DataRead, DataReceived, Receive, ResetRead, ResetReceived, SizeKnown};
        match (self, step) {
            (Receive, ReceiveStep::Fin) => Some(SizeKnown),
            (SizeKnown, ReceiveStep::AllData) => Some(DataReceived),
            (Receive | SizeKnown, ReceiveStep::Reset) => Some(ResetReceived),
            (DataReceived, ReceiveStep::ReadAll) => Some(DataRead),
            (ResetReceived, ReceiveStep::ReadReset) => Some(ResetRead),
            _ => None,
        }
    }

    /// Whether more data can be of use.
    pub(crate) const fn wants_data(self) -> bool {
        matches!(self, ReceiveState::Receive | ReceiveState::SizeKnown)
    }

    /// Whether the application has seen the end.
    pub(crate) const fn is_terminal(self) -> bool {
        matches!(self, ReceiveState::DataRead | ReceiveState::ResetRead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figure 3, row by state, column by step: the whole table.
    #[test]
    fn the_table_is_the_figure() {
        use ReceiveState::*;
        use ReceiveStep::*;
        let steps = [Fin, AllData, Reset, ReadAll, ReadReset];
        let figure = [
            (Receive, [Some(SizeKnown), None, Some(ResetReceived), None, None]),
            (SizeKnown, [None, Some(DataReceived), Some(ResetReceived), None, None]),
            (DataReceived, [None, None, None, Some(DataRead), None]),
            (DataRead, [None; 5]),
            (ResetReceived, [None, None, None, None, Some(ResetRead)]),
            (ResetRead, [None; 5]),
        ];
        assert_eq!(figure.map(|(state, _)| state), ReceiveState::ALL);
        for (state, row) in figure {
            for (step, expected) in steps.into_iter().zip(row) {
                assert_eq!(state.next(step), expected, "{state:?} {step:?}");
            }
            assert_eq!(state.is_terminal(), row.iter().all(Option::is_none));
        }
    }
}
