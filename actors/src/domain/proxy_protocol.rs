//! The PROXY protocol: what a proxy says first on a connection, about the client that it is for
//! (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>).

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// A binary header.
    V2,
}

impl ProxyProtocol {
    /// Both, the older one first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The name in settings and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The header of a connection that is for no client: `UNKNOWN` (section 2.1) or `LOCAL` (section 2.2).
    pub fn own_header(self) -> &'static [u8] {
        match self {
            Self::V1 => b"PROXY UNKNOWN\r\n",
            // The signature; version 2 and LOCAL; no family; no address.
            Self::V2 => b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        }
    }
}
