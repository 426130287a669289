//! The traits of the `h3` crate over s2n-quic.
//!
//! Headers and bodies are copied once, in pieces, as h3's other adapters do: h3 gives them as a buffer that cannot be
//! shared.

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use s2n_quic::connection::{BidirectionalStreamAcceptor, Handle, ReceiveStreamAcceptor};
use s2n_quic::stream::{self, BidirectionalStream, ReceiveStream};
use s2n_quic::{application, connection};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most that is copied at a time: below the size from which the C library maps and unmaps every block.
const PIECE: usize = 64 << 10;

/// A connection.
pub struct Connection {
    opener: Opener,
    bidirectional: BidirectionalStreamAcceptor,
    receive: ReceiveStreamAcceptor,
}

impl Connection {
    /// Of s2n-quic's.
    pub fn new(connection: s2n_quic::Connection) -> Connection {
        let (handle, acceptor) = connection.split();
        let (bidirectional, receive) = acceptor.split();
        Connection { opener: Opener(handle), bidirectional, receive }
    }
}

impl<B: Buf> quic::Connection<B> for Connection {
    type RecvStream = Receive;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Receive, ConnectionErrorIncoming>> {
        let accepted = ready!(self.receive.poll_accept_receive_stream(context)).map_err(of_connection)?;
        Poll::Ready(accepted.map(Receive).ok_or_else(ended))
    }

    fn poll_accept_bidi(&mut self, context: &mut Context<'_>) -> Poll<Result<Both<B>, ConnectionErrorIncoming>> {
        let accepted = ready!(self.bidirectional.poll_accept_bidirectional_stream(context)).map_err(of_connection)?;
        Poll::Ready(accepted.map(Both::new).ok_or_else(ended))
    }

    fn opener(&self) -> Opener {
        self.opener.clone()
    }
}

impl<B: Buf> quic::OpenStreams<B> for Connection {
    type BidiStream = Both<B>;
    type SendStream = Send<B>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Poll<Result<Both<B>, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(context)
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Poll<Result<Send<B>, StreamErrorIncoming>> {
        self.opener.poll_open_send(context)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        quic::OpenStreams::<B>::close(&mut self.opener, code, reason);
    }
}

/// Opens streams.
#[derive(Clone)]
pub struct Opener(Handle);

impl<B: Buf> quic::OpenStreams<B> for Opener {
    type BidiStream = Both<B>;
    type SendStream = Send<B>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Poll<Result<Both<B>, StreamErrorIncoming>> {
        Poll::Ready(match ready!(self.0.poll_open_bidirectional_stream(context)) {
            Ok(stream) => Ok(Both::new(stream)),
            Err(error) => Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error: of_connection(error) }),
        })
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Poll<Result<Send<B>, StreamErrorIncoming>> {
        Poll::Ready(match ready!(self.0.poll_open_send_stream(context)) {
            Ok(stream) => Ok(Send { stream, writing: None }),
            Err(error) => Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error: of_connection(error) }),
        })
    }

    fn close(&mut self, code: Code, _reason: &[u8]) {
        self.0.close(code_of(code.value()));
    }
}

/// Both directions.
pub struct Both<B: Buf> {
    send: Send<B>,
    receive: Receive,
}

impl<B: Buf> Both<B> {
    fn new(stream: BidirectionalStream) -> Both<B> {
        let (receive, send) = stream.split();
        Both { send: Send { stream: send, writing: None }, receive: Receive(receive) }
    }
}

impl<B: Buf> quic::BidiStream<B> for Both<B> {
    type SendStream = Send<B>;
    type RecvStream = Receive;

    fn split(self) -> (Send<B>, Receive) {
        (self.send, self.receive)
    }
}

impl<B: Buf> quic::RecvStream for Both<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.receive.poll_data(context)
    }

    fn stop_sending(&mut self, code: u64) {
        self.receive.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.receive.recv_id()
    }
}

impl<B: Buf> quic::SendStream<B> for Both<B> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(context)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(context)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

/// A receiving side.
pub struct Receive(ReceiveStream);

impl quic::RecvStream for Receive {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.0.poll_receive(context).map_err(of_stream)
    }

    fn stop_sending(&mut self, code: u64) {
        let _ = self.0.stop_sending(code_of(code));
    }

    fn recv_id(&self) -> StreamId {
        self.0.id().try_into().expect("an ID of a stream")
    }
}

/// A sending side, and what is to be written before anything else.
pub struct Send<B: Buf> {
    stream: stream::SendStream,
    writing: Option<WriteBuf<B>>,
}

impl<B: Buf> quic::SendStream<B> for Send<B> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        if let Some(data) = &mut self.writing {
            while data.has_remaining() {
                let room = ready!(self.stream.poll_send_ready(context)).map_err(of_stream)?;
                let piece = data.copy_to_bytes(data.remaining().min(room).min(PIECE));
                self.stream.send_data(piece).map_err(of_stream)?;
            }
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            let connection_error = ConnectionErrorIncoming::InternalError("the stream was not ready".into());
            return Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error });
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        Poll::Ready(self.stream.finish().map_err(of_stream))
    }

    fn reset(&mut self, code: u64) {
        let _ = self.stream.reset(code_of(code));
    }

    fn send_id(&self) -> StreamId {
        self.stream.id().try_into().expect("an ID of a stream")
    }
}

fn code_of(code: u64) -> application::Error {
    application::Error::new(code).unwrap_or(application::Error::UNKNOWN)
}

fn ended() -> ConnectionErrorIncoming {
    ConnectionErrorIncoming::ApplicationClose { error_code: Code::H3_NO_ERROR.value() }
}

fn of_connection(error: connection::Error) -> ConnectionErrorIncoming {
    match error {
        connection::Error::Application { error, .. } => {
            ConnectionErrorIncoming::ApplicationClose { error_code: error.into() }
        }
        connection::Error::IdleTimerExpired { .. } => ConnectionErrorIncoming::Timeout,
        other => ConnectionErrorIncoming::Undefined(Arc::new(other)),
    }
}

fn of_stream(error: stream::Error) -> StreamErrorIncoming {
    match error {
        stream::Error::StreamReset { error, .. } => StreamErrorIncoming::StreamTerminated { error_code: error.into() },
        stream::Error::ConnectionError { error, .. } => {
            StreamErrorIncoming::ConnectionErrorIncoming { connection_error: of_connection(error) }
        }
        other => StreamErrorIncoming::Unknown(Box::new(other)),
    }
}
