//! EncryptedExtensions (RFC 9846 section 4.4.1).

use crate::error::LocalError;
use crate::message::client_hello::{Protocols, push_protocol};
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, push_extension, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::message::list::Numbers;
use crate::violation::Violation;
use alloc::vec::Vec;

/// What a server answers under encryption.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedExtensions<'a> {
    /// The application protocol it chose.
    pub application_protocol: Option<&'a [u8]>,
    /// Whether the server says that it used the name.
    pub acknowledges_server_name: bool,
    /// Whether the server takes the early data.
    pub accepts_early_data: bool,
    /// All extensions, among them the one that the carrier reads.
    pub extensions: Extensions<'a>,
}

/// What an EncryptedExtensions of ours says.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedExtensionsFields<'a> {
    /// The application protocol that was chosen.
    pub application_protocol: Option<&'a [u8]>,
    /// Whether the client's name was used.
    pub acknowledges_server_name: bool,
    /// Whether the client's early data is taken.
    pub accepts_early_data: bool,
    /// The carrier's own extension, opaque here.
    pub carrier_extension: Option<(ExtensionType, &'a [u8])>,
}

impl<'a> EncryptedExtensions<'a> {
    /// Reads the body. `offered` is what it may answer.
    pub fn decode(body: &'a [u8], offered: &Offered) -> Result<EncryptedExtensions<'a>, Violation> {
        let block = whole(body, |reader| Ok(reader.u16_prefixed()?))?;
        let extensions = Extensions::decode(block, Place::EncryptedExtensions, offered)?;
        let mut answer = EncryptedExtensions {
            application_protocol: None,
            acknowledges_server_name: false,
            accepts_early_data: false,
            extensions,
        };
        for (kind, data) in extensions.iter() {
            match kind {
                ExtensionType::ALPN => {
                    // RFC 7301 s3.1: the answer holds exactly one name.
                    let mut names = Protocols::decode(data)?.iter();
                    answer.application_protocol = names.next();
                    if names.next().is_some() {
                        return Err(Violation::Malformed);
                    }
                }
                // RFC 6066 s3: an empty answer says that the name was used.
                ExtensionType::SERVER_NAME => {
                    whole(data, |_| Ok(()))?;
                    answer.acknowledges_server_name = true;
                }
                ExtensionType::EARLY_DATA => {
                    whole(data, |_| Ok(()))?;
                    answer.accepts_early_data = true;
                }
                // RFC 9846 s4.3.7: a hint for later connections, which must not matter in this one.
                ExtensionType::SUPPORTED_GROUPS => drop(whole(data, |reader| Numbers::decode(reader.u16_prefixed()?))?),
                _ => {}
            }
        }
        Ok(answer)
    }
}

impl EncryptedExtensionsFields<'_> {
    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        push_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| {
            push_u16_block(out, |out| {
                if self.acknowledges_server_name {
                    push_extension(out, ExtensionType::SERVER_NAME, |_| Ok(()))?;
                }
                if let Some(name) = self.application_protocol {
                    push_extension(out, ExtensionType::ALPN, |out| {
                        push_u16_block(out, |out| push_protocol(out, name))
                    })?;
                }
                if self.accepts_early_data {
                    push_extension(out, ExtensionType::EARLY_DATA, |_| Ok(()))?;
                }
                if let Some((kind, data)) = self.carrier_extension {
                    push_extension(out, kind, |out| {
                        out.extend_from_slice(data);
                        Ok(())
                    })?;
                }
                Ok(())
            })
        })
    }
}
