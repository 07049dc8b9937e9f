//! Messages in a stream: each has its length in two octets in front (RFC 1035 section 4.2.2).
//!
//! The length is the client's word. Memory follows what has arrived, not what was announced: a
//! buffer grows to at most twice its contents, and to no more than one message and a read.

use std::{io, ops::Range};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::answers::question::HEADER_OCTETS;

/// What has been received and not been answered.
#[derive(Default)]
pub(super) struct Inbox {
    octets: Vec<u8>,
    start: usize,
}

/// A length that no message has: shorter than a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooShort;

/// Octets of a read: dozens of questions.
const READ_OCTETS: usize = 2048;

const LENGTH_OCTETS: usize = 2;

impl Inbox {
    /// Where the next message lies in [`octets`](Self::octets), if it is there as a whole; then it
    /// counts as taken.
    pub(super) fn next(&mut self) -> Result<Option<Range<usize>>, TooShort> {
        let Some(message_octets) = self.announced() else { return Ok(None) };
        if message_octets < HEADER_OCTETS {
            return Err(TooShort);
        }
        let first = self.start + LENGTH_OCTETS;
        let message = first..first + message_octets;
        if message.end > self.octets.len() {
            return Ok(None);
        }
        self.start = message.end;
        Ok(Some(message))
    }

    /// Received octets, until the next [`fill`](Self::fill).
    pub(super) fn octets(&self, range: Range<usize>) -> &[u8] {
        &self.octets[range]
    }

    /// Whether [`next`](Self::next) has something to say.
    pub(super) fn has_message(&self) -> bool {
        self.announced().is_some_and(|octets| octets < HEADER_OCTETS || LENGTH_OCTETS + octets <= self.rest().len())
    }

    /// Whether a message has begun to arrive.
    pub(super) fn has_begun(&self) -> bool {
        !self.rest().is_empty()
    }

    /// Octets that have been received and not been taken.
    pub(super) fn len(&self) -> usize {
        self.rest().len()
    }

    /// How many messages have arrived as a whole, and whether another has begun to.
    pub(super) fn count(&self) -> (u64, bool) {
        let (mut whole, mut rest) = (0, self.rest());
        while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_OCTETS>()
            && let Some(behind) = behind.get(usize::from(u16::from_be_bytes(*length))..)
        {
            (whole, rest) = (whole + 1, behind);
        }
        (whole, !rest.is_empty())
    }

    /// Waits for more and returns how many octets came; 0 at the end of the stream. Nothing is lost
    /// if the wait is given up.
    pub(super) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room();
        stream.read_buf(&mut self.octets).await
    }

    /// Throws away what has been received.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.start = 0;
    }

    fn make_room(&mut self) {
        self.octets.drain(..self.start);
        self.start = 0;
        if self.octets.is_empty() {
            self.octets.shrink_to(READ_OCTETS);
        }
        let arrived = self.octets.len();
        if arrived == self.octets.capacity() {
            let missing = self.announced().map_or(0, |octets| (LENGTH_OCTETS + octets).saturating_sub(arrived));
            self.octets.reserve_exact(missing.clamp(READ_OCTETS, arrived.max(READ_OCTETS)));
        }
    }

    /// The length that stands in front of the next message.
    fn announced(&self) -> Option<usize> {
        self.rest().first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))
    }

    fn rest(&self) -> &[u8] {
        &self.octets[self.start..]
    }
}

/// Adds a message with its length to `replies`. One that is too long for a length is left out.
pub(super) fn push(replies: &mut Vec<u8>, message: &[u8]) {
    if let Ok(length) = u16::try_from(message.len()) {
        replies.extend_from_slice(&length.to_be_bytes());
        replies.extend_from_slice(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills the inbox until the octets have all been read; the most memory it had meanwhile.
    async fn receive(inbox: &mut Inbox, mut octets: &[u8]) -> usize {
        let mut most = 0;
        while inbox.fill(&mut octets).await.unwrap() > 0 {
            most = most.max(inbox.octets.capacity());
        }
        most
    }

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut octets = Vec::new();
        messages.iter().for_each(|message| push(&mut octets, message));
        octets
    }

    #[tokio::test]
    async fn messages_come_out_as_they_went_in() {
        let (one, two, three) = ([1; 12], [2; 5000], [3; 65_535]);
        let mut inbox = Inbox::default();
        receive(&mut inbox, &framed(&[&one, &two, &three])).await;
        assert_eq!((inbox.count(), inbox.has_message()), ((3, false), true));
        for message in [&one[..], &two, &three] {
            let range = inbox.next().unwrap().unwrap();
            assert_eq!(inbox.octets(range), message);
        }
        assert_eq!((inbox.next(), inbox.count(), inbox.has_begun()), (Ok(None), (0, false), false));
    }

    #[tokio::test]
    async fn a_message_is_whole_with_its_last_octet() {
        let (message, mut inbox) = (framed(&[&[7; 300]]), Inbox::default());
        for octet in &message[..301] {
            receive(&mut inbox, &[*octet]).await;
            assert_eq!((inbox.has_message(), inbox.next(), inbox.count()), (false, Ok(None), (0, true)));
        }
        receive(&mut inbox, &message[301..]).await;
        assert_eq!((inbox.has_message(), inbox.next()), (true, Ok(Some(2..302))));
    }

    #[tokio::test]
    async fn shorter_than_a_header_is_no_message() {
        for (length, is_short) in [(0, true), (11, true), (12, false)] {
            let mut inbox = Inbox::default();
            receive(&mut inbox, &[0, length]).await;
            assert_eq!((inbox.next() == Err(TooShort), inbox.has_message()), (is_short, is_short), "{length}");
        }
    }

    #[tokio::test]
    async fn memory_follows_what_arrives() {
        for arrived in [14, 3_000, 10_000] {
            let most = receive(&mut Inbox::default(), &vec![0xff; arrived]).await;
            assert!(most <= READ_OCTETS.max(2 * arrived), "{most} octets for a message of which {arrived} are there");
        }
        let mut inbox = Inbox::default();
        let most = receive(&mut inbox, &framed(&[&[0; 65_535]])).await;
        assert!(most <= 65_537 + READ_OCTETS, "{most} octets for the longest message");
        inbox.next().unwrap().unwrap();
        receive(&mut inbox, &[0]).await;
        assert!(inbox.octets.capacity() <= READ_OCTETS, "an inbox that is empty again is small again");
    }
}
