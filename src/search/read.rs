//! What each resolver reads out of a resolv.conf: not the same.
//!
//! The readers follow the sources line by line, because the differences lie in what nobody meant:
//! musl ignores a search line of more than 254 characters, Go a `search` of `.`, old glibc cuts
//! inside a domain. `rotate`, `timeout`, `attempts`, `edns0` and `use-vc` change who is asked, when
//! and how, and not what; they are read past.

use super::{ResolvConf, Resolver};

/// What decides which questions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Put behind names, in this order, each as it is written.
    pub search: Vec<String>,
    /// A name with so many dots is asked as it is before anything is put behind it.
    pub ndots: usize,
    /// `no-aaaa` of glibc from 2.36 on: only A is asked.
    pub no_aaaa: bool,
    /// `no-tld-query` of glibc: a name without a dot is not asked as it is.
    pub no_tld_query: bool,
    /// `single-request` of glibc and Go: A and AAAA one after the other.
    pub single_request: bool,
}

impl Settings {
    pub(super) fn read(conf: &ResolvConf, resolver: Resolver) -> Self {
        let none = Self { search: Vec::new(), ndots: 1, no_aaaa: false, no_tld_query: false, single_request: false };
        match resolver {
            Resolver::Glibc => none.glibc(conf, usize::MAX, usize::MAX),
            Resolver::GlibcOld => {
                Self { no_aaaa: false, ..none.glibc(conf, OLD_GLIBC_DOMAINS_MAX, OLD_GLIBC_LIST_OCTETS_MAX) }
            }
            Resolver::Musl | Resolver::MuslOld => none.musl(conf.text()),
            Resolver::Go => none.go(conf),
        }
    }

    /// `res_vinit_1` of resolv/res_init.c.
    fn glibc(mut self, conf: &ResolvConf, domains_max: usize, octets_max: usize) -> Self {
        let mut has_list = false;
        for line in conf.text().split('\n') {
            let Some((keyword, rest)) = line.split_once(BLANK) else { continue };
            let list = cut(rest.trim_start_matches(BLANK), octets_max);
            let most = match keyword {
                "search" => domains_max,
                "domain" => 1,
                "options" => {
                    self.glibc_options(rest);
                    continue;
                }
                _ => continue,
            };
            if !list.is_empty() {
                let domains = list.split(BLANK).filter(|domain| !domain.is_empty());
                (self.search, has_list) = (domains.take(most).map(str::to_owned).collect(), true);
            }
        }
        if let (false, Some((_, domain))) = (has_list, conf.hostname().split_once('.')) {
            self.search = vec![domain.to_owned()];
        }
        self
    }

    /// `res_setoptions`: an option counts as soon as it begins like one.
    fn glibc_options(&mut self, line: &str) {
        let mut rest = line.trim_start_matches(BLANK);
        while !rest.is_empty() {
            if let Some(number) = rest.strip_prefix("ndots:") {
                // A negative number lands in four bits.
                self.ndots = (atoi(number).min(NDOTS_MAX) & NDOTS_MAX) as usize;
            }
            self.single_request |= rest.starts_with("single-request");
            self.no_tld_query |= rest.starts_with("no_tld_query") || rest.starts_with("no-tld-query");
            self.no_aaaa |= rest.starts_with("no-aaaa");
            rest = rest.split_once(BLANK).map_or("", |(_, rest)| rest.trim_start_matches(BLANK));
        }
    }

    /// `__get_resolv_conf` of src/network/resolvconf.c.
    fn musl(mut self, text: &str) -> Self {
        let fits = |line: &&str| line.trim_end_matches('\n').len() <= MUSL_LINE_OCTETS_MAX;
        for line in text.split_inclusive('\n').filter(fits) {
            let is_keyword = |word: &str| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(is_space));
            if is_keyword("options") {
                // Wherever it stands in the line, even inside of a word.
                let number = line.find("ndots:").map(|at| &line[at + "ndots:".len()..]);
                if let Some(number) = number.filter(|number| number.starts_with(|first: char| first.is_ascii_digit())) {
                    self.ndots = atoi(number).min(NDOTS_MAX) as usize;
                }
            } else if is_keyword("domain") || is_keyword("search") {
                let domains = line.split(is_space).skip(1);
                self.search = domains.filter(|domain| !domain.is_empty()).map(str::to_owned).collect();
            }
        }
        self
    }

    /// `dnsReadConfig` of net/dnsconfig_unix.go.
    fn go(mut self, conf: &ResolvConf) -> Self {
        for line in conf.text().split('\n').filter(|line| !line.starts_with([';', '#'])) {
            let mut fields = line.split([' ', '\r', '\t']).filter(|field| !field.is_empty());
            match fields.next() {
                Some("domain") => self.search = fields.next().map_or(self.search, |domain| vec![rooted(domain)]),
                Some("search") => self.search = fields.map(rooted).filter(|domain| domain != ".").collect(),
                Some("options") => fields.for_each(|option| {
                    if let Some(number) = option.strip_prefix("ndots:") {
                        self.ndots = digits(number).min(NDOTS_MAX) as usize;
                    }
                    self.single_request |= ["single-request", "single-request-reopen"].contains(&option);
                }),
                _ => {}
            }
        }
        let domain = conf.hostname().split_once('.').map_or("", |(_, domain)| domain);
        if self.search.is_empty() && !domain.is_empty() {
            self.search = vec![rooted(domain)];
        }
        self
    }
}

/// As much of a text as has so many octets.
fn cut(text: &str, octets_max: usize) -> &str {
    let mut end = octets_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn rooted(domain: &str) -> String {
    if domain.ends_with('.') { domain.to_owned() } else { format!("{domain}.") }
}

/// C's `atoi`, without its overflow.
fn atoi(text: &str) -> i64 {
    let text = text.trim_start_matches(is_space);
    match text.strip_prefix('-') {
        Some(text) => -digits(text),
        None => digits(text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The number that a text begins with.
fn digits(text: &str) -> i64 {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |number: i64, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')))
}

/// C's `isspace`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

const BLANK: [char; 2] = [' ', '\t'];
/// Of every resolver.
const NDOTS_MAX: i64 = 15;
/// `MAXDNSRCH` of resolv/resolv.h.
const OLD_GLIBC_DOMAINS_MAX: usize = 6;
/// `defdname` of `struct __res_state` has 256 octets with the last one.
const OLD_GLIBC_LIST_OCTETS_MAX: usize = 255;
/// `fgets` into 256 octets, of which one is the newline and one the end.
const MUSL_LINE_OCTETS_MAX: usize = 254;
