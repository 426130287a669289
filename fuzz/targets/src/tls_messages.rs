//! The body of each TLS message that is read, by itself.

use tls::message::certificate::Certificates;
use tls::message::certificate_request::CertificateRequest;
use tls::message::certificate_verify::CertificateVerify;
use tls::message::client_hello::ClientHello;
use tls::message::encrypted_extensions::{EncryptedExtensions, EncryptedExtensionsFields};
use tls::message::extension::{ExtensionType, Offered};
use tls::message::framing::HEADER_LEN;
use tls::message::new_session_ticket::NewSessionTicket;
use tls::message::server_hello::ServerHelloOrRetry;

/// What borrows from the input lies inside of it.
fn is_inside(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end);
}

/// What a client of ours asks for over QUIC.
fn offered() -> Offered {
    [0, 10, 13, 16, 43, 51, 57].map(ExtensionType).into()
}

pub fn client_hello(data: &[u8]) {
    let Ok(hello) = ClientHello::decode(data) else { return };
    let lists = [Some(&hello.cipher_suites), hello.supported_groups.as_ref(), hello.signature_algorithms.as_ref()];
    for list in lists.into_iter().flatten().chain(hello.supported_versions.as_ref()) {
        assert!(list.iter().all(|number| list.contains(number)));
        assert!(list.iter().count() <= data.len() / 2);
    }
    if let Some(shares) = &hello.key_shares {
        for (group, share) in shares.iter() {
            is_inside(share, data);
            assert!(shares.find(group).is_some());
        }
    }
    if let Some(protocols) = &hello.application_protocols {
        for protocol in protocols.iter() {
            assert!(!protocol.is_empty());
            is_inside(protocol, data);
        }
    }
    for (_, extension) in hello.extensions.iter() {
        is_inside(extension, data);
    }
    for part in [hello.server_name, hello.extensions.find(ExtensionType::QUIC_TRANSPORT_PARAMETERS), hello.cookie]
        .into_iter()
        .flatten()
    {
        is_inside(part, data);
    }
}

pub fn server_hello(data: &[u8]) {
    match ServerHelloOrRetry::decode(data, &[], &offered()) {
        Ok(ServerHelloOrRetry::Hello(hello)) => {
            if let Some((_, share)) = hello.key_share {
                is_inside(share, data);
            }
        }
        Ok(ServerHelloOrRetry::Retry(retry)) => {
            if let Some(cookie) = retry.cookie {
                is_inside(cookie, data);
            }
        }
        Err(_) => {}
    }
}

pub fn encrypted_extensions(data: &[u8]) {
    let Ok(extensions) = EncryptedExtensions::decode(data, &offered()) else { return };
    let parameters = |extensions: &EncryptedExtensions<'_>| {
        extensions.extensions.find(ExtensionType::QUIC_TRANSPORT_PARAMETERS).map(<[u8]>::to_vec)
    };
    let carried = parameters(&extensions);
    let fields = EncryptedExtensionsFields {
        application_protocol: extensions.application_protocol,
        acknowledges_server_name: extensions.acknowledges_server_name,
        accepts_early_data: extensions.accepts_early_data,
        carrier_extension: carried.as_deref().map(|data| (ExtensionType::QUIC_TRANSPORT_PARAMETERS, data)),
    };
    let mut out = Vec::new();
    // A protocol's name may be empty or too long here only if the reader let it be.
    fields.encode(&mut out).expect("what was read can be written");
    let again = EncryptedExtensions::decode(&out[HEADER_LEN..], &offered()).expect("what was written can be read");
    assert_eq!(again.application_protocol, extensions.application_protocol);
    assert_eq!(parameters(&again), carried);
    assert_eq!(again.acknowledges_server_name, extensions.acknowledges_server_name);
}

pub fn certificate(data: &[u8]) {
    let Ok(read) = Certificates::decode(data, &offered()) else { return };
    read.chain.iter().for_each(|certificate| is_inside(certificate, data));
    let mut out = Vec::new();
    // A response for no certificate has no place.
    let response = read.ocsp_response.filter(|_| !read.chain.is_empty());
    tls::message::certificate::encode(&mut out, &read.chain, response).expect("what was read can be written");
    assert_eq!(Certificates::decode(&out[HEADER_LEN..], &offered()).as_ref(), Ok(&read));
}

pub fn certificate_request(data: &[u8]) {
    let _ = CertificateRequest::decode(data);
}

pub fn certificate_verify(data: &[u8]) {
    let Ok(verify) = CertificateVerify::decode(data) else { return };
    let mut out = Vec::new();
    verify.encode(&mut out).expect("what was read can be written");
    assert_eq!(&out[HEADER_LEN..], data, "it has one form only");
}

pub fn new_session_ticket(data: &[u8]) {
    let Ok(ticket) = NewSessionTicket::decode(data) else { return };
    assert!(!ticket.ticket.is_empty());
    is_inside(ticket.nonce, data);
    is_inside(ticket.ticket, data);
    let mut out = Vec::new();
    ticket.encode(&mut out).expect("what was read can be written");
    let again = NewSessionTicket::decode(&out[HEADER_LEN..]).expect("what was written can be read");
    assert_eq!((again.lifetime_seconds, again.age_add), (ticket.lifetime_seconds, ticket.age_add));
    assert_eq!((again.nonce, again.ticket), (ticket.nonce, ticket.ticket));
    assert_eq!(again.max_early_data_size, ticket.max_early_data_size);
}
