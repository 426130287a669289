//! EncryptedExtensions (RFC 9846 section 4.4.1).

use crate::error::LocalError;
use crate::message::client_hello::{Protocols, push_protocol};
use crate::message::extension::{ExtensionType, Extensions, Place, push_extension, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::message::list::Numbers;
use crate::violation::Violation;
use alloc::vec::Vec;

/// What a server answers under encryption.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedExtensions<'a> {
    /// The application protocol it chose.
    pub application_protocol: Option<&'a [u8]>,
    /// QUIC's transport parameters, opaque here.
    pub transport_parameters: Option<&'a [u8]>,
    /// Whether the server says that it used the name.
    pub acknowledges_server_name: bool,
}

impl<'a> EncryptedExtensions<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<EncryptedExtensions<'a>, Violation> {
        let block = whole(body, |reader| Ok(reader.u16_prefixed()?))?;
        let extensions = Extensions::decode(block, Place::EncryptedExtensions)?;
        let mut answer = EncryptedExtensions {
            application_protocol: None,
            transport_parameters: None,
            acknowledges_server_name: false,
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
                ExtensionType::QUIC_TRANSPORT_PARAMETERS => answer.transport_parameters = Some(data),
                // RFC 6066 s3: an empty answer says that the name was used.
                ExtensionType::SERVER_NAME => {
                    whole(data, |_| Ok(()))?;
                    answer.acknowledges_server_name = true;
                }
                // RFC 9846 s4.3.7: a hint for later connections, which must not matter in this one.
                ExtensionType::SUPPORTED_GROUPS => drop(whole(data, |reader| Numbers::decode(reader.u16_prefixed()?))?),
                _ => {}
            }
        }
        Ok(answer)
    }

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
                if let Some(parameters) = self.transport_parameters {
                    push_extension(out, ExtensionType::QUIC_TRANSPORT_PARAMETERS, |out| {
                        out.extend_from_slice(parameters);
                        Ok(())
                    })?;
                }
                Ok(())
            })
        })
    }
}
