//! Types and classes by their names, as CoreDNS knows them.

/// TYPE (IANA's registry, with what older servers called so).
const TYPES: [(&str, u16); 84] = [
    ("A", 1),
    ("NS", 2),
    ("MD", 3),
    ("MF", 4),
    ("CNAME", 5),
    ("SOA", 6),
    ("MB", 7),
    ("MG", 8),
    ("MR", 9),
    ("NULL", 10),
    ("PTR", 12),
    ("HINFO", 13),
    ("MINFO", 14),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("X25", 19),
    ("ISDN", 20),
    ("RT", 21),
    ("NSAP-PTR", 23),
    ("SIG", 24),
    ("KEY", 25),
    ("PX", 26),
    ("GPOS", 27),
    ("AAAA", 28),
    ("LOC", 29),
    ("NXT", 30),
    ("EID", 31),
    ("NIMLOC", 32),
    ("SRV", 33),
    ("ATMA", 34),
    ("NAPTR", 35),
    ("KX", 36),
    ("CERT", 37),
    ("DNAME", 39),
    ("OPT", 41),
    ("APL", 42),
    ("DS", 43),
    ("SSHFP", 44),
    ("IPSECKEY", 45),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("DHCID", 49),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("SMIMEA", 53),
    ("HIP", 55),
    ("NINFO", 56),
    ("RKEY", 57),
    ("TALINK", 58),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("OPENPGPKEY", 61),
    ("CSYNC", 62),
    ("ZONEMD", 63),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("UINFO", 100),
    ("UID", 101),
    ("GID", 102),
    ("UNSPEC", 103),
    ("NID", 104),
    ("L32", 105),
    ("L64", 106),
    ("LP", 107),
    ("EUI48", 108),
    ("EUI64", 109),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
    ("URI", 256),
    ("CAA", 257),
    ("AVC", 258),
    ("AMTRELAY", 260),
    ("TA", 32768),
    ("DLV", 32769),
];

/// CLASS.
const CLASSES: [(&str, u16); 6] = [("IN", 1), ("CS", 2), ("CH", 3), ("HS", 4), ("NONE", 254), ("ANY", 255)];

/// The type of a name in any case.
pub fn type_of(name: &str) -> Option<u16> {
    code(&TYPES, name)
}

/// The class of a name in any case.
pub fn class_of(name: &str) -> Option<u16> {
    code(&CLASSES, name)
}

/// The name of a type; empty where it has none.
pub fn type_name(code: u16) -> &'static str {
    name(&TYPES, code)
}

/// The name of a class; empty where it has none.
pub fn class_name(code: u16) -> &'static str {
    name(&CLASSES, code)
}

fn code(table: &[(&str, u16)], name: &str) -> Option<u16> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, code)| *code)
}

fn name(table: &[(&'static str, u16)], code: u16) -> &'static str {
    table.iter().find(|(_, known)| *known == code).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_belong_together() {
        assert_eq!([type_of("aaaa"), type_of("ANY"), type_of("TYPE1")], [Some(28), Some(255), None]);
        assert_eq!([class_of("In"), class_of("chaos")], [Some(1), None]);
        assert_eq!((type_name(33), type_name(9999), class_name(3)), ("SRV", "", "CH"));
        assert!(TYPES.is_sorted_by_key(|(_, code)| code));
    }
}
