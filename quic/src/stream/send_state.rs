//! The sending part of a stream: RFC 9000 figure 2 as a table.

/// A state of figure 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SendState {
    /// Created; nothing was sent.
    Ready,
    /// Data flows.
    Send,
    /// All data and the end were sent at least once.
    DataSent,
    /// All was acknowledged. Terminal.
    DataReceived,
    /// RESET_STREAM is owed or in flight.
    ResetSent,
    /// RESET_STREAM was acknowledged. Terminal.
    ResetReceived,
}

/// An edge of figure 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SendStep {
    /// A STREAM or STREAM_DATA_BLOCKED frame was sent.
    SentData,
    /// A STREAM frame with the end was sent.
    SentFin,
    /// The stream is abandoned: RESET_STREAM is sent.
    Reset,
    /// All data and the end were acknowledged.
    AllAcked,
    /// RESET_STREAM was acknowledged.
    ResetAcked,
}

impl SendState {
    /// Every state.
    #[cfg(test)]
    pub(crate) const ALL: [SendState; 6] = [
        SendState::Ready,
        SendState::Send,
        SendState::DataSent,
        SendState::DataReceived,
        SendState::ResetSent,
        SendState::ResetReceived,
    ];

    /// Where `step` leads, or `None` where the figure has no such edge.
    pub(crate) const fn next(self, step: SendStep) -> Option<SendState> {
        use SendState::{DataReceived, DataSent, Ready, ResetReceived, ResetSent, Send};
        match (self, step) {
            (Ready | Send, SendStep::SentData) => Some(Send),
            // Data that is sent again does not leave the state.
            (DataSent, SendStep::SentData | SendStep::SentFin) => Some(DataSent),
            (Send, SendStep::SentFin) => Some(DataSent),
            (Ready | Send | DataSent, SendStep::Reset) => Some(ResetSent),
            (DataSent, SendStep::AllAcked) => Some(DataReceived),
            (ResetSent, SendStep::ResetAcked) => Some(ResetReceived),
            _ => None,
        }
    }

    /// Whether STREAM frames may be sent.
    /// RFC 9000 section 3.3-1, 3.3-2.
    pub(crate) const fn may_send_data(self) -> bool {
        self.next(SendStep::SentData).is_some()
    }

    /// Whether nothing will be sent any more.
    pub(crate) const fn is_terminal(self) -> bool {
        matches!(self, SendState::DataReceived | SendState::ResetReceived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figure 2, row by state, column by step: the whole table.
    /// RFC 9000 section 3.3-1, 3.3-2, 3.5-2.
    #[test]
    fn the_table_is_the_figure() {
        use SendState::*;
        use SendStep::*;
        let steps = [SentData, SentFin, Reset, AllAcked, ResetAcked];
        let figure = [
            (Ready, [Some(Send), None, Some(ResetSent), None, None]),
            (Send, [Some(Send), Some(DataSent), Some(ResetSent), None, None]),
            (DataSent, [Some(DataSent), Some(DataSent), Some(ResetSent), Some(DataReceived), None]),
            (DataReceived, [None; 5]),
            (ResetSent, [None, None, None, None, Some(ResetReceived)]),
            (ResetReceived, [None; 5]),
        ];
        assert_eq!(figure.map(|(state, _)| state), SendState::ALL);
        for (state, row) in figure {
            for (step, expected) in steps.into_iter().zip(row) {
                assert_eq!(state.next(step), expected, "{state:?} {step:?}");
            }
            assert_eq!(state.is_terminal(), row.iter().all(Option::is_none));
        }
    }
}
