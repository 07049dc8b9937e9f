//! Questions over HTTPS (RFC 8484): each is a stream of HTTP/2.
//!
//! HTTP knows which reply belongs to which question, so all have the id 0 (section 4.1). One task carries a connection with
//! all its streams, and ends with them.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64URL_NOPAD;
use futures_util::{StreamExt, stream::FuturesUnordered};
use h2::{
    Reason, RecvStream,
    client::{self, SendRequest},
};
use hyper::{
    Request, Response, Uri,
    header::{ACCEPT, AGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
};
use tokio::{
    net::TcpStream,
    select,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::client::TlsStream;

use super::{
    line::{Lost, Why},
    message::{self, Query, Wrong},
    options::Method,
    stream::{self, Dial, Idleness, PIPELINE_MAX, Work},
    tls::{HTTP2, Tls},
};

/// Opens connections of HTTP/2, and asks over them.
#[derive(Clone)]
pub(super) struct Https {
    tls: Tls,
    method: Method,
    /// Whom and where, without what GET adds.
    url: Uri,
}

/// A connection, and the handle that asks over it.
pub(super) struct Opened {
    connection: client::Connection<TlsStream<TcpStream>, Bytes>,
    asker: Asker,
}

type Asker = SendRequest<Bytes>;

/// What becomes of a question says something of its connection.
enum Sign {
    /// Something came.
    Alive,
    /// Nothing was sent.
    Unsent,
    /// Nothing came to what was asked then.
    Silent(Instant),
    /// Nobody waited any more for what was asked then.
    Left(Instant),
    /// It takes no more questions.
    Over,
}

/// A question without a reply.
struct Broken {
    lost: Lost,
    sign: Sign,
}

/// Of questions and replies.
const MEDIA_TYPE: &str = "application/dns-message";
/// A longer message cannot be.
const MESSAGE_OCTETS_MAX: usize = u16::MAX as usize;
/// What may have come over a connection and not been read: four of the longest replies, or the usual one for every stream.
/// With all connections that there may be, 16 MiB. An upstream that sends the longest replies to all questions at once, and
/// ends none, takes 256 MiB until they have timed out.
const WINDOW_OCTETS: u32 = 256 * 1024;
/// Of a reply. Those that are met have some hundred octets.
const HEADER_OCTETS_MAX: u32 = 16 * 1024;
/// So many questions go out before the peer has said how many it takes at a time.
const STREAMS_UNTOLD: usize = 8;
/// The port that URLs do not mention.
const PORT: u16 = 443;

impl Https {
    /// Asks at a path of the server that `tls` reaches. None: that is no path.
    pub(super) fn new(tls: Tls, method: Method, path: &str) -> Option<Self> {
        let name = tls.name.to_str();
        let host = if name.contains(':') { format!("[{name}]") } else { name.into_owned() };
        let port = match tls.tcp.to.port() {
            PORT => String::new(),
            port => format!(":{port}"),
        };
        let url = format!("https://{host}{port}{path}").parse().ok()?;
        Some(Self { tls, method, url })
    }

    // ----------- One question ----------------------------------------------

    /// Asks, and tells who wants to know.
    async fn serve_one(&self, asker: Asker, mut request: stream::Request, read_timeout: Duration) -> Sign {
        let asked_at = Instant::now();
        let exchanged = select! {
            exchanged = timeout(read_timeout, self.exchange(asker, &request.query)) => exchanged,
            // There is another answer. The upstream is told that this one is not needed.
            () = request.reply.closed() => return Sign::Left(asked_at),
        };
        let (reply, sign) = match exchanged {
            Ok(Ok(reply)) => (Ok(reply), Sign::Alive),
            Ok(Err(Broken { lost, sign })) => (Err(lost), sign),
            Err(_) => (Err(self.lost(Why::Silent, "i/o timeout")), Sign::Silent(asked_at)),
        };
        request.answer(reply);
        sign
    }

    async fn exchange(&self, asker: Asker, query: &Query) -> Result<Bytes, Broken> {
        let (request, body) = self.request(query)?;
        let broken = |error| self.broken(&error);
        let mut asker = asker.ready().await.map_err(broken)?;
        let (response, mut stream) = asker.send_request(request, body.is_none()).map_err(broken)?;
        if let Some(body) = body {
            stream.send_data(body, true).map_err(broken)?;
        }
        let response = response.await.map_err(broken)?;
        self.check_head(&response)?;
        let age_secs = header(&response, &AGE).and_then(|age| age.parse().ok());
        let mut reply = self.body(response.into_body()).await?;
        // Who answers from a cache of HTTP may repeat another id.
        match query.check(message::id(&reply).unwrap_or_default(), &reply) {
            Ok(()) => {}
            Err(Wrong::Stray) => return Err(self.lost(Why::Failed, "the body is no DNS reply").into()),
            Err(Wrong::Mismatched) => return Err(self.lost(Why::Mismatched, "a reply to another question").into()),
        }
        // RFC 8484 section 5.1.
        if let Some(secs) = age_secs {
            query.age(&mut reply, secs);
        }
        Ok(reply.freeze())
    }

    fn request(&self, query: &Query) -> Result<(Request<()>, Option<Bytes>), Lost> {
        let mut message = Vec::with_capacity(query.len());
        query.write(0, &mut message);
        let (request, body) = match self.method {
            Method::Get => (Request::get(format!("{}?dns={}", self.url, BASE64URL_NOPAD.encode(&message))), None),
            Method::Post => {
                let request = Request::post(self.url.clone());
                (request.header(CONTENT_TYPE, MEDIA_TYPE).header(CONTENT_LENGTH, message.len()), Some(message.into()))
            }
        };
        // A long message is no part of a URL.
        let request = request.header(ACCEPT, MEDIA_TYPE).body(()).map_err(|error| self.lost(Why::Ours, error))?;
        Ok((request, body))
    }

    fn check_head(&self, response: &Response<RecvStream>) -> Result<(), Lost> {
        if !response.status().is_success() {
            return Err(self.lost(Why::Failed, format_args!("the status is {}", response.status())));
        }
        let media_type = header(response, &CONTENT_TYPE).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(self.lost(Why::Failed, format_args!("the Content-Type is {media_type:?}, not {MEDIA_TYPE}")));
        }
        Ok(())
    }

    async fn body(&self, mut stream: RecvStream) -> Result<BytesMut, Broken> {
        let mut body = BytesMut::new();
        while let Some(part) = stream.data().await {
            let part = part.map_err(|error| self.broken(&error))?;
            if body.len() + part.len() > MESSAGE_OCTETS_MAX {
                return Err(self.lost(Why::Failed, "the body is longer than a DNS reply can be").into());
            }
            // Copied, for what it is a part of has other replies.
            body.extend_from_slice(&part);
            stream.flow_control().release_capacity(part.len()).map_err(|error| self.broken(&error))?;
        }
        Ok(body)
    }

    /// A reset is of one question, and where it refuses to look at that, another connection may take it (RFC 9113
    /// sections 5.4.2 and 8.7). Everything else is of the whole connection.
    fn broken(&self, error: &h2::Error) -> Broken {
        let (why, sign) = match (error.is_reset(), error.reason()) {
            (true, Some(Reason::REFUSED_STREAM)) => (Why::Closed, Sign::Alive),
            (true, _) => (Why::Failed, Sign::Alive),
            (false, _) => (Why::Closed, Sign::Over),
        };
        Broken { lost: self.lost(why, error), sign }
    }

    fn lost(&self, why: Why, error: impl std::fmt::Display) -> Lost {
        let method = match self.method {
            Method::Get => "Get",
            Method::Post => "Post",
        };
        Lost::new(why, format_args!("{method} \"{}\": {error}", self.url))
    }
}

impl Dial for Https {
    type Stream = Opened;
    /// A connection is for many questions at a time: another is opened where it is full.
    const SPREAD_FROM: usize = PIPELINE_MAX;

    async fn dial(&self) -> io::Result<Opened> {
        let stream = self.tls.dial().await?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(io::Error::other("the upstream does not speak HTTP/2"));
        }
        let mut builder = client::Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(STREAMS_UNTOLD)
            .initial_connection_window_size(WINDOW_OCTETS)
            .max_header_list_size(HEADER_OCTETS_MAX);
        let (asker, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        Ok(Opened { connection, asker })
    }

    async fn serve(&self, Opened { mut connection, asker }: Opened, mut work: Work<impl Idleness>) {
        let mut under_way = FuturesUnordered::new();
        let (mut is_connected, mut is_asked) = (true, true);
        let mut quiet_since = Instant::now();
        let mut left_since = None;
        while is_asked || !under_way.is_empty() {
            let silent_at = left_since.unwrap_or(quiet_since) + work.read_timeout;
            select! {
                // In this order: what is ready goes before the end of an idle connection.
                biased;
                // Its streams know why.
                _ = &mut connection, if is_connected => {
                    is_connected = false;
                    work.requests.close();
                }
                Some(sign) = under_way.next() => {
                    match sign {
                        Sign::Alive => (quiet_since, left_since) = (Instant::now(), None),
                        // Nothing else came since: who has asked meanwhile is to ask over another.
                        Sign::Silent(asked_at) if quiet_since <= asked_at => return,
                        Sign::Left(asked_at) if quiet_since <= asked_at => {
                            left_since = Some(left_since.map_or(asked_at, |since| asked_at.min(since)));
                        }
                        Sign::Silent(_) | Sign::Left(_) | Sign::Unsent => {}
                        Sign::Over => work.requests.close(),
                    }
                    work.idleness.takes(asker.current_max_send_streams().max(1));
                    if under_way.is_empty() && !work.idleness.rests() {
                        return;
                    }
                }
                request = work.requests.recv(), if is_asked && under_way.len() < PIPELINE_MAX => match request {
                    Some(request) if request.reply.is_closed() => {}
                    Some(request) => {
                        if under_way.is_empty() {
                            work.idleness.works();
                        }
                        under_way.push(self.serve_one(asker.clone(), request, work.read_timeout));
                    }
                    None => is_asked = false,
                },
                // Whoever asked had a better answer than the silence of this connection.
                () = sleep_until(silent_at), if left_since.is_some() => return,
                () = sleep_until(quiet_since + work.expire), if under_way.is_empty() => return,
            }
        }
    }
}

impl From<Lost> for Broken {
    /// What is wrong with one question alone.
    fn from(lost: Lost) -> Self {
        let sign = if lost.why == Why::Ours { Sign::Unsent } else { Sign::Alive };
        Self { lost, sign }
    }
}

fn header<'r>(response: &'r Response<RecvStream>, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}
