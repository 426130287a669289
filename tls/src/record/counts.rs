//! Counts of what a peer may do without end although it brings nothing.

use crate::violation::Violation;

/// Records in a row that bring neither data nor a part of the handshake: empty ones, change_cipher_spec, and those that end a
/// KeyUpdate or a ticket. A record that brings only a part of such a message is not counted: a message has a longest length.
pub(crate) const MAX_RECORDS_WITHOUT_DATA: u32 = 100;

/// Records since the last one that brought data.
#[derive(Debug, Default)]
pub(crate) struct WithoutData(u32);

impl WithoutData {
    /// A record brought nothing.
    pub(crate) fn on_nothing(&mut self) -> Result<(), Violation> {
        self.0 += 1;
        if self.0 > MAX_RECORDS_WITHOUT_DATA { Err(Violation::RecordsWithoutData) } else { Ok(()) }
    }

    /// A record brought data.
    pub(crate) fn on_data(&mut self) {
        self.0 = 0;
    }
}
