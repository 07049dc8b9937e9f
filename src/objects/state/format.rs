//! The lines of a saved state: written with a running checksum, and read with the same.

use std::{
    borrow::Cow,
    io::{self, BufRead, Read, Write},
};

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{Fault, Header, Saved};
use crate::objects::{
    Known, Needs, Object, Picture,
    decode::{self, Decoded},
    write,
};

/// The format that is written, and the latest that is read.
pub(super) const VERSION: u32 = 1;
/// What every state begins with, of whatever version.
pub(super) const START: &str = "{\"format\":\"clusterdns-state\",";
const FORMAT: &str = "clusterdns-state";
/// What the last line begins with. No object does.
const LAST_LINE_START: &str = "{\"objects\":";

/// An object: etcd takes 1.5 MiB where nobody raised its limit, and addresses take three times the
/// room here.
const LINE_OCTETS_MAX: u64 = 16 << 20;
/// 150,000 Pods of 150 octets, as many endpoints of 70 and 10,000 Services of 300, as many as
/// Kubernetes supports, are 36 MB.
pub(super) const FILE_OCTETS_MAX: u64 = 1 << 30;
/// What follows the last object: a number and a checksum take a hundred.
const END_OCTETS_MAX: u64 = 128;
/// Letters of another fingerprint that are told.
const FINGERPRINT_SHOWN_MAX: usize = 200;

/// The first line. `format` and `version` stand in front in every version.
#[derive(Serialize, Deserialize)]
struct FirstLine<'h> {
    #[serde(borrow)]
    format: Cow<'h, str>,
    version: u32,
    #[serde(borrow)]
    fingerprint: Cow<'h, str>,
    saved_unix_secs: u32,
    #[serde(with = "KnownKinds")]
    known: Known,
}

/// Of it, what is read in any version.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Known")]
struct KnownKinds {
    services: bool,
    endpoints: bool,
    namespaces: bool,
    pods: bool,
}

/// What was written or read so far.
struct Sum {
    digest: Context,
    octets: u64,
    lines: usize,
}

impl Sum {
    fn new() -> Self {
        Self { digest: Context::new(&SHA256), octets: 0, lines: 0 }
    }

    fn add(&mut self, line: &[u8]) {
        self.digest.update(line);
        self.octets += line.len() as u64;
        self.lines += 1;
    }

    /// The line that must follow. The first of those before it is no object.
    fn last_line(&self) -> String {
        let sum = HEXLOWER.encode(self.digest.clone().finish().as_ref());
        format!("{LAST_LINE_START}{},\"sha256\":\"{sum}\"}}\n", self.lines.saturating_sub(1))
    }
}

// ----------- Writing -------------------------------------------------------

/// Writes a state to `out`.
pub(super) struct Writer<W> {
    out: W,
    line: Vec<u8>,
    sum: Sum,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, line: Vec::new(), sum: Sum::new() };
        let first = FirstLine {
            format: FORMAT.into(),
            version: VERSION,
            fingerprint: (&*header.fingerprint).into(),
            saved_unix_secs: header.saved_unix_secs,
            known: header.known,
        };
        serde_json::to_writer(&mut writer.line, &first)?;
        writer.end_line()?;
        Ok(writer)
    }

    pub(super) fn add(&mut self, object: &Object) -> io::Result<()> {
        write::object(object, &mut self.line)?;
        // What could not be read again must not be written; and without it the rest would be a lie.
        let octets = self.line.len() as u64;
        if octets >= LINE_OCTETS_MAX || self.sum.octets + octets > FILE_OCTETS_MAX - END_OCTETS_MAX {
            let why = format!("with {} it is larger than a saved state may be", object.key());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.end_line()
    }

    /// Writes the last line, and says how many octets there are.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let last = self.sum.last_line();
        self.out.write_all(last.as_bytes())?;
        self.out.flush()?;
        Ok(self.sum.octets + last.len() as u64)
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.sum.add(&self.line);
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

/// These octets as the objects of a state.
pub(super) fn sealed(header: &Header, octets: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    if let Ok(mut writer) = Writer::new(&mut sealed, header) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            writer.sum.add(line);
            let _ = writer.out.write_all(line);
        }
        let _ = writer.finish();
    }
    sealed
}

// ----------- Reading -------------------------------------------------------

/// Reads a state to its end. Nothing of it is given away before its checksum is seen to be right.
pub(super) fn read(input: impl BufRead, fingerprint: &str, needs: Needs) -> Result<Saved, Fault> {
    let mut lines = Lines { input, line: Vec::new(), sum: Sum::new() };
    let (saved_unix_secs, known) = lines.header(fingerprint)?;
    let mut objects = Vec::new();
    loop {
        lines.next()?;
        if lines.line.starts_with(LAST_LINE_START.as_bytes()) {
            lines.end()?;
            return Ok(Saved { picture: Picture { objects, known, ..Picture::default() }, saved_unix_secs });
        }
        objects.push(lines.object(needs)?);
    }
}

struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// Of the lines that were understood.
    sum: Sum,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line, with its end.
    fn next(&mut self) -> Result<(), Fault> {
        self.line.clear();
        (&mut self.input).take(LINE_OCTETS_MAX + 1).read_until(b'\n', &mut self.line)?;
        let octets = self.line.len() as u64;
        if self.sum.octets + octets > FILE_OCTETS_MAX {
            return Err(Fault::TooLarge);
        }
        match self.line.last() {
            Some(b'\n') => Ok(()),
            _ if octets > LINE_OCTETS_MAX => Err(self.corrupt()),
            _ => Err(Fault::Truncated),
        }
    }

    fn header(&mut self, fingerprint: &str) -> Result<(u32, Known), Fault> {
        let is_whole = self.next();
        let start = &self.line[..self.line.len().min(START.len())];
        if !START.as_bytes().starts_with(start) {
            return Err(Fault::Foreign);
        }
        is_whole?;
        let AnyVersion { version } = serde_json::from_slice(&self.line).map_err(|_| self.corrupt())?;
        if version > VERSION {
            return Err(Fault::Newer { version });
        }
        let first: FirstLine<'_> = serde_json::from_slice(&self.line).map_err(|_| self.corrupt())?;
        if first.fingerprint != fingerprint {
            let found = first.fingerprint.chars().take(FINGERPRINT_SHOWN_MAX).collect();
            return Err(Fault::OtherFingerprint { found });
        }
        self.sum.add(&self.line);
        Ok((first.saved_unix_secs, first.known))
    }

    fn object(&mut self, needs: Needs) -> Result<Object, Fault> {
        let decoded = str::from_utf8(&self.line).ok().and_then(|json| decode::object(json, needs).ok());
        let Some(Decoded::Object(object)) = decoded else { return Err(self.corrupt()) };
        self.sum.add(&self.line);
        Ok(object)
    }

    /// The line is the last one, and right, and there is nothing behind it.
    fn end(&mut self) -> Result<(), Fault> {
        if self.line != self.sum.last_line().as_bytes() || !self.input.fill_buf()?.is_empty() {
            return Err(self.corrupt());
        }
        Ok(())
    }

    fn corrupt(&self) -> Fault {
        Fault::Corrupt { line: self.sum.lines + 1 }
    }
}
