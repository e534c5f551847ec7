//! What a line asks for, in BIRD's grammar.

use std::net::IpAddr;

use bgp_proto::Prefix;

/// A command that roost carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `show status`
    Status,
    /// `show memory`
    Memory,
    /// `show protocols [all] [NAME|"PATTERN"]`
    Protocols { all: bool, which: Which },
    /// `show route …`
    Routes(Routes),
    /// `configure [check|soft]`; all that roost takes over is soft.
    Configure { check: bool },
    /// `enable`, `disable`, `restart` or `reload`
    Order(Order, Which),
    /// `restrict`: from now on this client only looks.
    Restrict,
}

/// What is done to sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Enable,
    Disable,
    Restart,
    /// Exchange the routes again; the session stays.
    Reload {
        incoming: bool,
        outgoing: bool,
    },
}

/// Which sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    Name(String),
    Pattern(String),
}

/// Which routes, and how they are shown. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    pub of: Of,
    /// With their attributes.
    pub all: bool,
    /// Only the best of each prefix.
    pub primary: bool,
    /// Those that import refused, instead of the others.
    pub filtered: bool,
    /// Of this session.
    pub protocol: Option<String>,
    /// Their number behind them.
    pub stats: bool,
    /// Their number alone.
    pub count: bool,
}

/// Of which prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Of {
    #[default]
    Every,
    /// Exactly this one.
    Exact(Prefix),
    /// The longest match of this address.
    Address(IpAddr),
    /// The longest that this one is equal to or inside.
    Around(Prefix),
}

/// Why a line is none: a code of BIRD's with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: u16,
    pub text: String,
}

impl Refusal {
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    fn syntax() -> Self {
        Self::new(SYNTAX, "syntax error")
    }
}

/// "Parse error" of BIRD's reply codes.
const SYNTAX: u16 = 9001;

/// Reads a line, without its end.
///
/// # Errors
/// With BIRD's words for what is not BIRD's, and in plain ones for what BIRD has and roost has not.
pub(super) fn parse(line: &str) -> Result<Command, Refusal> {
    let tokens = tokens(line)?;
    let words: Vec<&str> = tokens.iter().map(|token| token.word()).collect();
    match words.as_slice() {
        ["show", "status"] => Ok(Command::Status),
        ["show", "memory"] => Ok(Command::Memory),
        ["show", "protocols"] => Ok(Command::Protocols { all: false, which: Which::All }),
        ["show", "protocols", "all"] => Ok(Command::Protocols { all: true, which: Which::All }),
        ["show", "protocols", "all", _] => Ok(Command::Protocols { all: true, which: tokens[3].which() }),
        ["show", "protocols", _] => Ok(Command::Protocols { all: false, which: tokens[2].which() }),
        ["show", "route", ..] => routes(&tokens[2..]).map(Command::Routes),
        ["configure"] | ["configure", "soft"] => Ok(Command::Configure { check: false }),
        ["configure", "check"] => Ok(Command::Configure { check: true }),
        ["configure", "undo" | "confirm"] | ["configure", "timeout", ..] | ["configure", "soft", "timeout", ..] => {
            Err(Refusal::new(SYNTAX, "roost has no `configure undo`, `confirm` or `timeout`: what is in force stays"))
        }
        ["configure", ..] if matches!(tokens.last(), Some(Token::Text(_))) => {
            Err(Refusal::new(SYNTAX, "roost reads the file it was started with, and no other"))
        }
        ["enable", _] => Ok(Command::Order(Order::Enable, tokens[1].which())),
        ["disable", _] => Ok(Command::Order(Order::Disable, tokens[1].which())),
        ["restart", _] => Ok(Command::Order(Order::Restart, tokens[1].which())),
        ["reload", "in", _] => Ok(Command::Order(Order::Reload { incoming: true, outgoing: false }, tokens[2].which())),
        ["reload", "out", _] => {
            Ok(Command::Order(Order::Reload { incoming: false, outgoing: true }, tokens[2].which()))
        }
        ["reload", _] => Ok(Command::Order(Order::Reload { incoming: true, outgoing: true }, tokens[1].which())),
        ["restrict"] => Ok(Command::Restrict),
        ["down"] => Err(Refusal::new(SYNTAX, "roost has no `down`: who has started it ends it, with SIGTERM")),
        ["show", what @ ("interfaces" | "symbols" | "static" | "bfd" | "ospf" | "rip" | "roa" | "babel"), ..] => {
            Err(without(&format!("`show {what}`")))
        }
        [what @ ("echo" | "debug" | "dump" | "mrtdump" | "eval" | "add" | "delete" | "flush"), ..] => {
            Err(without(&format!("`{what}`")))
        }
        _ => Err(Refusal::syntax()),
    }
}

fn without(what: &str) -> Refusal {
    Refusal::new(SYNTAX, format!("roost has no {what}"))
}

fn routes(tokens: &[Token<'_>]) -> Result<Routes, Refusal> {
    let mut routes = Routes::default();
    let mut tokens = tokens.iter().map(Token::word);
    while let Some(word) = tokens.next() {
        match word {
            "all" => routes.all = true,
            "primary" => routes.primary = true,
            "filtered" => routes.filtered = true,
            "stats" => routes.stats = true,
            "count" => routes.count = true,
            "protocol" => routes.protocol = Some(tokens.next().ok_or_else(Refusal::syntax)?.to_owned()),
            "for" => {
                let word = tokens.next().ok_or_else(Refusal::syntax)?;
                routes.of = match word.parse::<IpAddr>() {
                    Ok(address) => Of::Address(address),
                    Err(_) => Of::Around(prefix(word)?),
                };
            }
            "table" => match tokens.next().ok_or_else(Refusal::syntax)? {
                "master" => {}
                table => return Err(Refusal::new(SYNTAX, format!("{table} is not a table"))),
            },
            "export" | "preexport" | "noexport" | "filter" | "where" => {
                return Err(without(&format!("`show route {word}`")));
            }
            word => routes.of = Of::Exact(prefix(word)?),
        }
    }
    Ok(routes)
}

fn prefix(word: &str) -> Result<Prefix, Refusal> {
    let expected = || Refusal::new(SYNTAX, format!("expected an address or a prefix, found `{word}`"));
    match word.parse::<IpAddr>() {
        Ok(address) => Ok(Prefix::host(address)),
        Err(_) => word.parse().map_err(|_| expected()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'l> {
    Word(&'l str),
    /// In double quotes.
    Text(&'l str),
}

impl Token<'_> {
    /// A text is no word, whatever it says.
    fn word(&self) -> &str {
        match self {
            Token::Word(word) => word,
            Token::Text(_) => "\"",
        }
    }

    fn which(&self) -> Which {
        match self {
            Token::Word("all") => Which::All,
            Token::Word(name) => Which::Name((*name).to_owned()),
            Token::Text(pattern) => Which::Pattern((*pattern).to_owned()),
        }
    }
}

/// The tokens up to a comment.
fn tokens(line: &str) -> Result<Vec<Token<'_>>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next().filter(|&first| first != '#') {
        let token;
        if first == '"' || first == '\'' {
            let (inside, behind) =
                rest[1..].split_once(first).ok_or_else(|| Refusal::new(SYNTAX, "Unknown character"))?;
            token = if first == '"' { Token::Text(inside) } else { Token::Word(inside) };
            rest = behind;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "\"'#;".contains(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end.max(first.len_utf8()));
            token = Token::Word(word);
            rest = behind;
        }
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}
